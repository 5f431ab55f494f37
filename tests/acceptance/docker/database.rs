//! Writes rows as fast as they are acknowledged, and counts afterwards what is there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

/// One statement; the database may be on its way down.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<BTreeSet<i64>>>,
    address: SocketAddr,
}

impl Writer {
    pub(super) fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || runtime().block_on(write(address, &flag)));
        Self {
            stop,
            thread: Some(thread),
            address,
        }
    }

    /// Ends the writing: how many rows were acknowledged, and which of them are not there.
    pub(super) fn lost(mut self) -> (usize, Vec<i64>) {
        self.stop.store(true, Ordering::SeqCst);
        let acknowledged = self.thread.take().unwrap().join().unwrap();
        let kept = runtime().block_on(read(self.address));
        let lost = acknowledged.difference(&kept).copied().collect();
        (acknowledged.len(), lost)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn connect(address: SocketAddr) -> Option<Client> {
    let url = format!(
        "host={} port={} user=postgres dbname=postgres connect_timeout=5",
        address.ip(),
        address.port()
    );
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.ok()?;
    tokio::spawn(connection);
    let made = client
        .batch_execute("create table if not exists rows (id bigint primary key)")
        .await;
    made.ok().map(|()| client)
}

async fn write(address: SocketAddr, stop: &AtomicBool) -> BTreeSet<i64> {
    let mut acknowledged = BTreeSet::new();
    let mut next = 0_i64;
    while !stop.load(Ordering::SeqCst) {
        let Some(client) = connect(address).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while !stop.load(Ordering::SeqCst) {
            // Each number once: one that was not acknowledged may be there or not.
            next += 1;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&next];
            let insert = client.execute("insert into rows (id) values ($1)", &values);
            match tokio::time::timeout(PATIENCE, insert).await {
                Ok(Ok(1)) => {
                    acknowledged.insert(next);
                }
                _ => break,
            }
        }
    }
    acknowledged
}

async fn read(address: SocketAddr) -> BTreeSet<i64> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(client) = connect(address).await
            && let Ok(rows) = client.query("select id from rows", &[]).await
        {
            return rows.iter().map(|row| row.get(0)).collect();
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the database does not come back"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
