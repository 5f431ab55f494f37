//! Finds out which instances answer with metrics, where nobody has said so.
//!
//! Each instance that speaks HTTP is asked once for its metrics, and again with growing pauses
//! where it had none: a service may take them up later in its life, but nobody wants a request a
//! minute for nothing in a log. What answered once is scraped from then on, and `up` tells when it
//! no longer does.

use super::instances::Seen;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use mainstay_exposition::{Format, Limits, Point, Reason, Visit, accept, parse};
use mainstay_model::{InstanceId, Scope};
use mainstay_stack::Collect;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Of one question, from the connection to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer that is larger is not read to its end: it is none.
const MOST_BYTES: usize = 64 << 20;
/// Questions at a time.
const AT_ONCE: usize = 4;
/// Before the second question, the third, and all others.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(15),
    Duration::from_secs(120),
    Duration::from_secs(1_800),
];

type Key = (Scope, InstanceId, SocketAddr);

#[derive(Debug)]
enum State {
    /// For the time after so many questions that brought nothing.
    Asking {
        asked: usize,
    },
    Answers,
    Silent {
        asked: usize,
        again: Instant,
    },
}

/// Remembers who answers.
#[derive(Debug, Default)]
pub(super) struct Finder {
    known: HashMap<Key, State>,
    asking: JoinSet<(Key, bool)>,
}

impl Finder {
    /// Those that are to be scraped; asks those of whom nothing is known. Called again and again.
    pub(super) fn choose(&mut self, seen: Vec<Seen>) -> Vec<Seen> {
        self.take_answers();
        let keys: Vec<Key> = seen.iter().map(key).collect();
        self.known.retain(|key, _| keys.contains(key));
        let now = Instant::now();
        let mut chosen = Vec::new();
        for one in seen {
            match one.rule.collect {
                Collect::Never => {}
                Collect::Always => chosen.push(one),
                Collect::Found if !one.may_ask => {}
                Collect::Found => match self.known.get(&key(&one)) {
                    Some(State::Answers) => chosen.push(one),
                    Some(State::Asking { .. }) => {}
                    Some(State::Silent { again, .. }) if *again > now => {}
                    _ => self.ask(&one),
                },
            }
        }
        chosen
    }

    fn ask(&mut self, one: &Seen) {
        if self.asking.len() >= AT_ONCE {
            return;
        }
        let (key, path) = (key(one), one.rule.path.clone());
        let asked = match self.known.get(&key) {
            Some(State::Silent { asked, .. }) => *asked,
            _ => 0,
        };
        self.known.insert(key.clone(), State::Asking { asked });
        self.asking.spawn(async move {
            let answer = tokio::time::timeout(PATIENCE, answers(key.2, &path)).await;
            (key, matches!(answer, Ok(Some(()))))
        });
    }

    fn take_answers(&mut self) {
        while let Some(answer) = self.asking.try_join_next() {
            let Ok((key, answers)) = answer else {
                continue;
            };
            let Some(state) = self.known.get_mut(&key) else {
                continue;
            };
            let State::Asking { asked } = *state else {
                continue;
            };
            *state = if answers {
                tracing::info!(instance = %key.1, scope = %key.0, "answers with metrics, and is scraped");
                State::Answers
            } else {
                State::Silent {
                    asked: asked + 1,
                    again: Instant::now() + PAUSES[asked.min(PAUSES.len() - 1)],
                }
            };
        }
    }
}

fn key(seen: &Seen) -> Key {
    (seen.scope.clone(), seen.id.clone(), seen.address)
}

/// `Some` where there are samples at this path.
async fn answers(address: SocketAddr, path: &str) -> Option<()> {
    let stream = tokio::net::TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    // Ends with the sender: nothing is kept open.
    let driver = tokio::spawn(connection);
    let request = Request::get(path)
        .header(HOST, address.to_string())
        .header(ACCEPT, accept(&[Format::OpenMetrics, Format::Text]))
        .header(USER_AGENT, concat!("Mainstay/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    let (head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        return None;
    }
    let kind = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let format = Format::of_content_type(Some(kind), None).ok()?;
    let body = Limited::new(body, MOST_BYTES).collect().await.ok()?;
    drop(sender);
    driver.abort();
    has_samples(&body.to_bytes(), format).then_some(())
}

fn has_samples(body: &[u8], format: Format) -> bool {
    struct Any(bool);
    impl Visit for Any {
        fn sample(&mut self, _point: Point<'_>) -> Result<(), Reason> {
            self.0 = true;
            Ok(())
        }
    }
    let mut any = Any(false);
    parse(body, format, &Limits::default(), &mut any).is_ok() && any.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_stack::MetricsRule;
    use std::io::{Read as _, Write as _};

    fn seen(address: SocketAddr) -> Seen {
        Seen {
            scope: Scope {
                stack: "shop".parse().unwrap(),
                environment: "dev".parse().unwrap(),
            },
            id: "app-r1-1".parse().unwrap(),
            address,
            rule: MetricsRule::default(),
            may_ask: true,
        }
    }

    /// Answers every request alike.
    fn serve(kind: &'static str, body: &'static str) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        address
    }

    async fn chosen(finder: &mut Finder, one: &Seen) -> bool {
        assert!(
            finder.choose(vec![one.clone()]).is_empty(),
            "nothing is known yet"
        );
        while finder.asking.is_empty() {
            tokio::task::yield_now().await;
        }
        let answer = finder.asking.join_next().await.unwrap().unwrap();
        finder.asking.spawn(async move { answer });
        while !finder.asking.is_empty() {
            finder.choose(vec![one.clone()]);
            tokio::task::yield_now().await;
        }
        !finder.choose(vec![one.clone()]).is_empty()
    }

    #[tokio::test]
    async fn only_what_answers_with_samples_is_chosen() {
        for (kind, body, is) in [
            ("text/plain; version=0.0.4", "up 1\n", true),
            ("text/plain", "hello\n", false),
            ("text/html", "up 1\n", false),
            ("text/plain; version=0.0.4", "", false),
        ] {
            let one = seen(serve(kind, body));
            assert_eq!(
                chosen(&mut Finder::default(), &one).await,
                is,
                "{kind} {body:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_http_service_is_not_asked() {
        let mut one = seen("127.0.0.1:1".parse().unwrap());
        one.may_ask = false;
        let mut finder = Finder::default();
        assert!(finder.choose(vec![one.clone()]).is_empty() && finder.asking.is_empty());
        one.rule.collect = Collect::Always;
        assert_eq!(finder.choose(vec![one]).len(), 1);
    }
}
