//! Who waits for work or for progress is told at once, in this instance and, through Redis, in
//! the others.
//!
//! A bell only wakes: whoever hears it looks into the store. Nothing is lost when it is not heard,
//! because everybody who waits also looks now and then.

use crate::redis_peer::RedisPeer;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio_util::sync::CancellationToken;

/// News not yet read by the slowest listener; it then looks into the store all the same.
const NEWS: usize = 256;

/// News not yet sent to Redis; more are dropped.
const OUTBOX: usize = 256;

const CHANNEL: &str = "sample-service:news";

/// From losing Redis until asking again.
const RETRY: Duration = Duration::from_secs(1);

/// What can be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    Queued,
    Changed(String),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Bell {
    queued: Notify,
    changed: broadcast::Sender<String>,
    outbox: Option<mpsc::Sender<News>>,
}

impl Bell {
    /// Hung up; with Redis, two tasks carry the news until `stopping`.
    pub(crate) fn hang(redis: Option<Arc<RedisPeer>>, stopping: &CancellationToken) -> Arc<Self> {
        let (changed, _) = broadcast::channel(NEWS);
        let (outbox, letters) = mpsc::channel(OUTBOX);
        let bell = Arc::new(Self {
            queued: Notify::new(),
            changed,
            outbox: redis.is_some().then_some(outbox),
        });
        if let Some(redis) = redis {
            tokio::spawn(
                stopping
                    .clone()
                    .run_until_cancelled_owned(send(redis.clone(), letters)),
            );
            tokio::spawn(
                stopping
                    .clone()
                    .run_until_cancelled_owned(hear(redis, bell.clone())),
            );
        }
        bell
    }

    /// There is work.
    pub(crate) fn queued(&self) {
        self.ring(News::Queued);
    }

    /// A job went on.
    pub(crate) fn changed(&self, job: &str) {
        self.ring(News::Changed(job.to_owned()));
    }

    /// Returns when there may be work, at the latest after `at_most`.
    pub(crate) async fn work(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.queued.notified()).await;
    }

    /// For [`next_change`].
    pub(crate) fn listen(&self) -> broadcast::Receiver<String> {
        self.changed.subscribe()
    }

    fn ring(&self, news: News) {
        if let Some(outbox) = &self.outbox {
            let _ = outbox.try_send(news.clone());
        }
        self.ring_here(news);
    }

    fn ring_here(&self, news: News) {
        match news {
            News::Queued => self.queued.notify_one(),
            News::Changed(job) => {
                let _ = self.changed.send(job);
            }
        }
    }
}

/// Returns when the job may have changed, at the latest after `at_most`.
pub(crate) async fn next_change(
    listener: &mut broadcast::Receiver<String>,
    job: &str,
    at_most: Duration,
) {
    let heard = async {
        // An error means that news were missed: time to look.
        while listener.recv().await.is_ok_and(|changed| changed != job) {}
    };
    let _ = tokio::time::timeout(at_most, heard).await;
}

impl News {
    fn write(&self) -> String {
        match self {
            Self::Queued => "queued".to_owned(),
            Self::Changed(job) => format!("changed {job}"),
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "queued" => Some(Self::Queued),
            Some(("changed", job)) => Some(Self::Changed(job.to_owned())),
            _ => None,
        }
    }
}

async fn send(redis: Arc<RedisPeer>, mut letters: mpsc::Receiver<News>) {
    while let Some(news) = letters.recv().await {
        // An error shows in /health; the others look into the store anyway.
        let _ = redis.publish(CHANNEL, &news.write()).await;
    }
}

async fn hear(redis: Arc<RedisPeer>, bell: Arc<Bell>) {
    loop {
        if let Ok(listener) = redis.listen(CHANNEL).await {
            let mut messages = listener.into_on_message();
            while let Some(message) = messages.next().await {
                let text: String = message.get_payload().unwrap_or_default();
                if let Some(news) = News::read(&text) {
                    bell.ring_here(news);
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_come_back_from_the_wire() {
        for news in [News::Queued, News::Changed("0198".to_owned())] {
            assert_eq!(News::read(&news.write()), Some(news));
        }
        assert_eq!(News::read("something else"), None);
    }
}
