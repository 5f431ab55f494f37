//! One file from a stream: what came whole is there to the byte, what did not is not there at all.

use crate::support::{Place, new, quiet, random, sha256, trial};
use libtest_mimic::Trial;
use mainstay_backup::FailureKind;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_stream_comes_back_to_the_byte",
            a_stream_comes_back_to_the_byte,
        ),
        trial("an_empty_stream_is_a_file", an_empty_stream_is_a_file),
        trial(
            "a_stream_of_short_reads_is_cut_the_same_way",
            a_stream_of_short_reads_is_cut_the_same_way,
        ),
        trial(
            "a_source_that_breaks_leaves_no_snapshot",
            a_source_that_breaks_leaves_no_snapshot,
        ),
        trial(
            "an_end_that_was_no_end_leaves_no_snapshot",
            an_end_that_was_no_end_leaves_no_snapshot,
        ),
        trial("a_wrong_key_opens_nothing", a_wrong_key_opens_nothing),
        trial(
            "a_creation_that_was_cut_is_begun_anew",
            a_creation_that_was_cut_is_begun_anew,
        ),
        trial(
            "nothing_is_made_where_nothing_is",
            nothing_is_made_where_nothing_is,
        ),
    ]
}

async fn load(place: &Place, snapshot: &str, path: &str) -> Vec<u8> {
    let mut loaded = Vec::new();
    let answer = place
        .client
        .load_file(&place.at, snapshot, path, &mut loaded, &quiet)
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer.bytes, loaded.len() as u64);
    assert_eq!(answer.sha256, Some(sha256(&loaded)));
    loaded
}

async fn a_stream_comes_back_to_the_byte(place: Place) {
    place.create().await;
    let data = random(1, 20 << 20);
    let saved = place.save("/databases/orders.sql", &data).await;
    assert_eq!(saved.bytes, data.len() as u64);
    assert_eq!(saved.sha256, Some(sha256(&data)));
    assert_eq!(saved.files, 1);
    assert!(
        saved.added > saved.bytes,
        "what is random does not compress"
    );
    assert!(load(&place, &saved.snapshot, "/databases/orders.sql").await == data);

    let rows = place.client.list(&place.at).await.unwrap();
    assert_eq!(rows.len(), 1);
    let expected = new("/databases/orders.sql");
    assert_eq!(rows[0].snapshot, saved.snapshot);
    assert_eq!(rows[0].time, expected.time);
    assert_eq!(
        (&rows[0].host, &rows[0].tags),
        (&expected.host, &expected.tags)
    );
    assert_eq!(rows[0].paths, [expected.path]);
    assert_eq!(rows[0].bytes, saved.bytes);

    let entries = place
        .client
        .entries(&place.at, &saved.snapshot, "/databases")
        .await
        .unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].path, "/databases/orders.sql");
    assert_eq!(entries[0].bytes, data.len() as u64);

    let Some(dumped) = place.restic_ok(&["dump", &saved.snapshot, "/databases/orders.sql"]) else {
        return;
    };
    assert!(dumped == data);
    place.restic_ok(&["check", "--read-data"]);
    let target = place.path("restored");
    place.restic_ok(&[
        "restore",
        &saved.snapshot,
        "--target",
        target.to_str().unwrap(),
    ]);
    assert!(std::fs::read(target.join("databases/orders.sql")).unwrap() == data);
}

async fn an_empty_stream_is_a_file(place: Place) {
    place.create().await;
    let saved = place.save("/empty", b"").await;
    assert_eq!((saved.bytes, saved.sha256), (0, Some(sha256(b""))));
    assert_eq!(load(&place, &saved.snapshot, "/empty").await, b"");
    let again = place.save("/empty", b"").await;
    assert_eq!(load(&place, &again.snapshot, "/empty").await, b"");
    place.restic_ok(&["check", "--read-data"]);
}

/// Gives as little as it can, and breaks when it is told to.
struct Slow {
    data: Vec<u8>,
    at: usize,
    piece: usize,
    breaks: bool,
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = (self.at + self.piece.min(buffer.remaining())).min(self.data.len());
        if self.at == end && self.breaks {
            return Poll::Ready(Err(io::Error::other("the cable was pulled")));
        }
        buffer.put_slice(&self.data[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

async fn a_stream_of_short_reads_is_cut_the_same_way(place: Place) {
    place.create().await;
    let data = random(2, 6 << 20);
    place.save("/dump", &data).await;
    let slow = Slow {
        data: data.clone(),
        at: 0,
        piece: 1013,
        breaks: false,
    };
    let whole = async { Ok(()) };
    let again = place
        .client
        .save_stream(&place.at, &new("/dump"), slow, whole, &quiet)
        .await;
    let (again, ()) = again.unwrap();
    assert!(
        again.added < 16 << 10,
        "every chunk was there before: {}",
        again.added
    );
    assert!(load(&place, &again.snapshot, "/dump").await == data);
}

async fn nothing_was_saved(place: &Place) {
    assert_eq!(place.client.list(&place.at).await.unwrap(), []);
    if let Some(listed) = place.restic_ok(&["snapshots", "--json"]) {
        assert_eq!(String::from_utf8_lossy(&listed).trim(), "[]");
    }
    place.restic_ok(&["check", "--read-data"]);
}

async fn a_source_that_breaks_leaves_no_snapshot(place: Place) {
    place.create().await;
    let slow = Slow {
        data: random(3, 5 << 20),
        at: 0,
        piece: 64 << 10,
        breaks: true,
    };
    let whole = std::future::pending::<Result<(), String>>();
    let saved = place
        .client
        .save_stream(&place.at, &new("/dump"), slow, whole, &quiet)
        .await;
    let failure = saved.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Source, "{failure}");
    assert!(
        failure.message.contains("the cable was pulled"),
        "{failure}"
    );
    assert!(failure.message.contains("/dump"), "{failure}");
    nothing_was_saved(&place).await;
}

async fn an_end_that_was_no_end_leaves_no_snapshot(place: Place) {
    place.create().await;
    let data = random(4, 3 << 20);
    let whole = async { Err::<(), _>("pg_dump ended with exit status 1".to_owned()) };
    let saved = place
        .client
        .save_stream(&place.at, &new("/d"), &data[..], whole, &quiet)
        .await;
    let failure = saved.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Source, "{failure}");
    assert!(failure.message.contains("exit status 1"), "{failure}");
    nothing_was_saved(&place).await;
    // What it left behind hinders nobody.
    let saved = place.save("/d", &data).await;
    assert!(load(&place, &saved.snapshot, "/d").await == data);
    place.restic_ok(&["check", "--read-data"]);
}

async fn a_wrong_key_opens_nothing(mut place: Place) {
    place.create().await;
    place.at.key = mainstay_model::Secret::new("guess".to_owned());
    let failure = place.client.list(&place.at).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongKey, "{failure}");
    let failure = place.client.open(&place.at, true).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongKey, "{failure}");
    let failure = place.try_save("/x", b"x").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongKey, "{failure}");
}

async fn a_creation_that_was_cut_is_begun_anew(place: Place) {
    place.create().await;
    // The key is written before the configuration.
    std::fs::remove_file(place.repository().join("config")).unwrap();
    let opened = place.client.open(&place.at, true).await.unwrap();
    assert!(opened.created);
    assert_eq!(place.client.keys(&place.at).await.unwrap().len(), 1);
    place.save("/x", b"x").await;
    place.restic_ok(&["check", "--read-data"]);
}

async fn nothing_is_made_where_nothing_is(place: Place) {
    let failure = place.client.open(&place.at, false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    let mut data = tokio::io::repeat(1).take(10);
    let whole = async { Ok(()) };
    let saved = place
        .client
        .save_stream(&place.at, &new("/x"), &mut data, whole, &quiet)
        .await;
    assert_eq!(saved.unwrap_err().kind, FailureKind::Missing);
    assert!(!place.repository().exists());
    let first = place.client.open(&place.at, true).await.unwrap();
    let second = place.client.open(&place.at, true).await.unwrap();
    assert_eq!((first.created, second.created), (true, false));
    assert_eq!(first.id, second.id);
}
