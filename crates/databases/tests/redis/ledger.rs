//! What is written while copies are made, and how a copy is judged.

use crate::server::Server;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ACCOUNTS: i64 = 50;
const EACH: i64 = 1000;

/// One step: a number, a line of the log, two balances.
const TRANSFER: &str = r"
local seq = redis.call('INCR', 'seq')
redis.call('RPUSH', 'log', ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
redis.call('HINCRBY', 'accounts', ARGV[1], -ARGV[3])
redis.call('HINCRBY', 'accounts', ARGV[2], ARGV[3])
return seq";

pub(crate) async fn fill(connection: &mut redis::aio::MultiplexedConnection) {
    let mut pipe = redis::pipe();
    for account in 0..ACCOUNTS {
        pipe.cmd("HSET")
            .arg("accounts")
            .arg(account)
            .arg(EACH)
            .ignore();
    }
    pipe.cmd("SET").arg("seq").arg(0).ignore();
    pipe.query_async::<()>(connection).await.unwrap();
}

/// Values of every kind and size, so that every way of packing is met.
pub(crate) async fn fill_kinds(connection: &mut redis::aio::MultiplexedConnection) {
    let script = r"
    local long = string.rep('mainstay ', 2000)
    for n = 1, 300 do
      redis.call('SADD', 'numbers', n) redis.call('SADD', 'words', 'w' .. n)
      redis.call('ZADD', 'scores', n / 7, 'm' .. n) redis.call('HSET', 'fields', 'f' .. n, 'v' .. n)
      redis.call('RPUSH', 'list', n, -n * 100000, 'e' .. n)
      redis.call('XADD', 'stream', n .. '-1', 'n', n)
    end
    redis.call('XGROUP', 'CREATE', 'stream', 'g', '0') redis.call('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', 5, 'STREAMS', 'stream', '>')
    redis.call('SADD', 'few', 1, 2, 70000) redis.call('SADD', 'few-words', 'a', 'b')
    redis.call('ZADD', 'few-scores', 1, 'a', 2.5, 'b', '-inf', 'c') redis.call('HSET', 'few-fields', 'a', '1', 'b', long)
    redis.call('RPUSH', 'long', long, long .. long) redis.call('SET', 'text', long) redis.call('SET', 'number', -123456)
    redis.call('SET', 'passing', 'x', 'PX', 900) redis.call('SET', 'staying', 'x', 'EX', 900000)
    redis.call('SELECT', 5) redis.call('SET', 'elsewhere', 'x')
    return 1";
    redis::cmd("EVAL")
        .arg(script)
        .arg(0)
        .query_async::<i64>(connection)
        .await
        .unwrap();
    redis::cmd("FUNCTION")
        .arg("LOAD")
        .arg("#!lua name=lib\nredis.register_function('f', function() return 1 end)")
        .query_async::<String>(connection)
        .await
        .unwrap();
}

/// Writes until it is told to stop, or the server is gone; answers the last number that was acknowledged.
pub(crate) fn write(
    server: &Server,
    stop: &Arc<AtomicBool>,
    seed: u64,
) -> tokio::task::JoinHandle<i64> {
    let url = server
        .password
        .map(|password| format!(":{password}@"))
        .unwrap_or_default();
    let url = format!("redis://{url}127.0.0.1:{}/", server.port);
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let (mut state, mut last) = (seed, 0);
        while !stop.load(Ordering::Relaxed) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let (from, to) = ((state >> 33) % 50, (state >> 43) % 50);
            let mut call = redis::cmd("EVAL");
            call.arg(TRANSFER).arg(0).arg(from).arg(to);
            let done = call
                .arg((state >> 53) % 90 + 1)
                .query_async(&mut connection)
                .await;
            match done {
                Ok(seq) => last = seq,
                Err(_) => break,
            }
        }
        last
    })
}

/// The number of the state: its sum holds, and its log leads to its balances.
pub(crate) async fn judged(connection: &mut redis::aio::MultiplexedConnection) -> i64 {
    type State = (i64, Vec<String>, HashMap<i64, i64>);
    let mut pipe = redis::pipe();
    pipe.atomic()
        .cmd("GET")
        .arg("seq")
        .cmd("LRANGE")
        .arg("log")
        .arg(0)
        .arg(-1);
    let (seq, log, balances): State = pipe
        .cmd("HGETALL")
        .arg("accounts")
        .query_async(connection)
        .await
        .unwrap();
    assert_eq!(balances.values().sum::<i64>(), ACCOUNTS * EACH);
    assert_eq!(log.len() as i64, seq);
    let mut replayed: HashMap<i64, i64> = (0..ACCOUNTS).map(|a| (a, EACH)).collect();
    for line in log {
        let parts: Vec<i64> = line.split(' ').map(|part| part.parse().unwrap()).collect();
        *replayed.get_mut(&parts[0]).unwrap() -= parts[2];
        *replayed.get_mut(&parts[1]).unwrap() += parts[2];
    }
    assert_eq!(replayed, balances);
    seq
}
