//! Repositories in S3: against moto, over a network that cuts, delays, changes and refuses.

pub(crate) mod moto;
mod proxy;

use crate::stores::conformance;
use crate::support::{Place, WORKER, skip, trial};
use bytes::Bytes;
use libtest_mimic::Trial;
use mainstay_backup::store::{Bucketed, Patience, Range, Store};
use mainstay_backup::{Client, Failure, FailureKind, StoreAt};
use moto::{ACCESS_KEY, Moto, SECRET_KEY, s3, store};
use proxy::{Fault, Proxy};
use std::process::Command;

/// An answer of S3 with a body of XML.
macro_rules! says {
    ($status:literal, $code:literal) => {
        Fault::Says(concat!(
            "HTTP/1.1 ",
            $status,
            " X\r\ncontent-type: application/xml\r\nconnection: close\r\n\r\n<Error><Code>",
            $code,
            "</Code><Message>told to AKIAEXAMPLEOFATEST</Message></Error>"
        ))
    };
}

pub(crate) fn trials() -> Vec<Trial> {
    let test = |name: &'static str, test: fn(&'static str)| {
        Trial::test(name, move || {
            test(name);
            Ok(())
        })
    };
    vec![
        test("a_bucket_keeps_what_a_store_must", |name| {
            let Some(moto) = Moto::start(name) else {
                return;
            };
            conformance(&store(moto.address, ""));
            conformance(&store(moto.address, "a/prefix with ünusual+signs"));
        }),
        test("a_list_has_every_page", a_list_has_every_page),
        test("a_large_file_goes_in_parts", a_large_file_goes_in_parts),
        test("what_passes_is_tried_again", what_passes_is_tried_again),
        test("a_refusal_is_told_at_once", a_refusal_is_told_at_once),
        test("what_does_not_pass_ends", what_does_not_pass_ends),
        trial("a_certificate_is_looked_at", a_certificate_is_looked_at),
        trial("restic_reads_what_went_through_a_bad_network", restic_reads),
    ]
}

fn a_list_has_every_page(name: &'static str) {
    let Some(moto) = Moto::start(name) else {
        return;
    };
    let (one, other) = (store(moto.address, "one"), store(moto.address, "one-more"));
    one.create().unwrap();
    other
        .write("data/00/other", &[Bytes::from_static(b"o")])
        .unwrap();
    std::thread::scope(|scope| {
        for first in 0..4 {
            let one = &one;
            scope.spawn(move || {
                for number in (first..1003).step_by(4) {
                    one.write(&format!("data/00/{number:04}"), &[Bytes::from_static(b"x")])
                        .unwrap();
                }
            });
        }
    });
    let mut names: Vec<_> = one
        .list("data/")
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    names.sort();
    let wanted: Vec<_> = (0..1003)
        .map(|number| format!("data/00/{number:04}"))
        .collect();
    assert_eq!(names, wanted);
    assert_eq!(other.list("").unwrap(), [("data/00/other".to_owned(), 1)]);
}

/// Content that is nowhere the same.
fn content(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn a_large_file_goes_in_parts(name: &'static str) {
    let Some(moto) = Moto::start(name) else {
        return;
    };
    let proxy = Proxy::start(moto.address);
    let store = store(proxy.address, "large");
    store.create().unwrap();
    let whole = content((65 << 20) + 3);
    let pieces: Vec<Bytes> = whole
        .chunks(7_000_001)
        .map(Bytes::copy_from_slice)
        .collect();
    // The second part is cut, and changed when it comes again.
    proxy.next(&[Fault::CutRequest(9 << 20), Fault::ChangeRequest(11 << 20)]);
    store.write("data/00/large", &pieces).unwrap();
    let range = Some(Range {
        offset: 33_554_000,
        length: 1000,
    });
    assert!(store.read("data/00/large", range).unwrap() == whole[33_554_000..33_555_000]);
    assert!(store.read("data/00/large", None).unwrap() == whole);
    assert_eq!(
        store.list("").unwrap(),
        [("data/00/large".to_owned(), whole.len() as u64)]
    );
}

fn what_passes_is_tried_again(name: &'static str) {
    let Some(moto) = Moto::start(name) else {
        return;
    };
    store(moto.address, "").create().unwrap();
    let whole = content(3 << 20);
    let faults = [
        Fault::Refuse,
        Fault::CutRequest(100),
        Fault::CutRequest(1 << 20),
        Fault::CutAnswer(0),
        Fault::CutAnswer(30),
        Fault::ChangeRequest(1 << 20),
        Fault::Silent,
        says!("503", "SlowDown"),
        says!("500", "InternalError"),
        says!("400", "RequestTimeout"),
    ];
    for fault in faults {
        let proxy = Proxy::start(moto.address);
        // Each store opens its first connection with its first request.
        proxy.next(&[fault, fault]);
        let to = store(proxy.address, "again");
        to.write("data/00/file", &[Bytes::from(whole.clone())])
            .unwrap();
        assert_eq!(proxy.left(), 0, "{fault:?}");
        let direct = store(moto.address, "again");
        assert!(
            direct.read("data/00/file", None).unwrap() == whole,
            "{fault:?}"
        );
    }
    let reading = [
        Fault::Refuse,
        Fault::CutAnswer(0),
        Fault::CutAnswer(2 << 20),
        Fault::ChangeAnswer(2 << 20),
        Fault::Silent,
        says!("503", "SlowDown"),
    ];
    for fault in reading {
        let proxy = Proxy::start(moto.address);
        proxy.next(&[fault, fault]);
        let from = store(proxy.address, "again");
        assert!(
            from.read("data/00/file", None).unwrap() == whole,
            "{fault:?}"
        );
        assert_eq!(proxy.left(), 0, "{fault:?}");
        let listed = store(proxy.address, "again").list("data/").unwrap();
        assert_eq!(listed, [("data/00/file".to_owned(), 3 << 20)]);
    }
}

fn without_secrets(failure: &Failure) {
    let text = format!("{failure:?}");
    for secret in [ACCESS_KEY, SECRET_KEY, "Signature=", "X-Amz"] {
        assert!(!text.contains(secret), "{text}");
    }
}

fn a_refusal_is_told_at_once(name: &'static str) {
    let Some(moto) = Moto::start(name) else {
        return;
    };
    for (fault, kind) in [
        (says!("403", "AccessDenied"), FailureKind::Refused),
        (says!("403", "InvalidAccessKeyId"), FailureKind::Refused),
        (says!("301", "PermanentRedirect"), FailureKind::Refused),
        (says!("404", "NoSuchKey"), FailureKind::NotFound),
        (says!("507", "XMinioStorageFull"), FailureKind::Full),
    ] {
        let proxy = Proxy::start(moto.address);
        proxy.next(&[fault]);
        let refused = store(proxy.address, "").write("config", &[Bytes::from_static(b"c")]);
        let failure = refused.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert_eq!(proxy.connections(), 1, "{failure}");
        without_secrets(&failure);
    }
    // No bucket: nothing is there, and writing says why.
    let store = store(moto.address, "");
    assert_eq!(store.list("snapshots/").unwrap(), []);
    assert_eq!(
        store.read("config", None).unwrap_err().kind,
        FailureKind::NotFound
    );
    let failure = store
        .write("config", &[Bytes::from_static(b"c")])
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
}

fn what_does_not_pass_ends(name: &'static str) {
    let Some(moto) = Moto::start(name) else {
        return;
    };
    store(moto.address, "").create().unwrap();
    for fault in [
        Fault::Refuse,
        Fault::CutRequest(50),
        Fault::CutAnswer(10),
        Fault::Silent,
        says!("503", "ServiceUnavailable"),
    ] {
        let proxy = Proxy::start(moto.address);
        proxy.next(&[fault; 4]);
        let failure = store(proxy.address, "").read("config", None).unwrap_err();
        assert_eq!(
            failure.kind,
            FailureKind::Unreachable,
            "{fault:?}: {failure}"
        );
        assert_eq!(proxy.connections(), 4, "{fault:?}");
        without_secrets(&failure);
    }
    let nobody = moto.address;
    drop(moto);
    let failure = store(nobody, "").write("config", &[]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    without_secrets(&failure);
}

/// A certificate for this machine that only whoever is told so trusts.
fn certificate(place: &Place) -> Option<[String; 2]> {
    let paths = ["cert.pem", "key.pem"].map(|name| place.path(name).display().to_string());
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=storage",
    ]);
    command.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = command
        .args(["-out", &paths[0], "-keyout", &paths[1]])
        .output();
    match made {
        Ok(made) if made.status.success() => Some(paths),
        Ok(made) => panic!("{}", String::from_utf8_lossy(&made.stderr)),
        Err(_) => {
            skip("openssl", place.name);
            None
        }
    }
}

async fn a_certificate_is_looked_at(mut place: Place) {
    let Some([cert, key]) = certificate(&place) else {
        return;
    };
    let Some(moto) = Moto::start_with(place.name, &["-s", "-c", &cert, "-k", &key]) else {
        return;
    };
    let mut at = s3(moto.address, "shop");
    at.endpoint = at.endpoint.replace("http:", "https:");
    let program = std::env::current_exe().unwrap().into();
    let trusting = vec![
        "env".into(),
        format!("SSL_CERT_FILE={cert}").into(),
        program,
        WORKER.into(),
    ];
    place.client = Client::new(trusting, place.dir.path().to_path_buf());
    place.at.store = StoreAt::S3(at.clone());
    place.create().await;
    place.save("/dump.sql", b"over TLS").await;
    // Not even asked for: nothing of the request went out.
    let impatient = Patience {
        tries: 1,
        ..Patience::default()
    };
    let failure = Bucketed::new(&at, impatient).unwrap().list("").unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(failure.message.contains("certificate"), "{failure}");
}

/// Saved while the network breaks again and again; then restic checks and restores it.
async fn restic_reads(mut place: Place) {
    let Some(moto) = Moto::start(place.name) else {
        return;
    };
    let proxy = Proxy::start(moto.address);
    place.at.store = StoreAt::S3(s3(proxy.address, "shop/production"));
    let missing = place.client.open(&place.at, false).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::Missing, "{missing}");
    place.create().await;
    let whole = content(9 << 20);
    let faults = [
        Fault::CutRequest(1 << 20),
        Fault::Refuse,
        Fault::CutAnswer(5),
        says!("503", "SlowDown"),
    ];
    proxy.next(&faults);
    place.save("/dump.sql", &whole).await;
    place.save("/second.sql", b"small").await;

    let url = format!("s3:http://{}/backups/shop/production", moto.address);
    let restic = |arguments: &[&str]| {
        let mut command = Command::new("restic");
        command
            .args(["--no-cache", "--no-lock", "-q", "-r", &url])
            .args(arguments);
        command
            .env("RESTIC_PASSWORD", crate::support::KEY)
            .env("HOME", place.path("home"));
        command
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_DEFAULT_REGION", "eu-central-1");
        command.output().ok()
    };
    let Some(checked) = restic(&["check", "--read-data"]) else {
        skip("restic", place.name);
        return;
    };
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let dumped = restic(&["dump", "--path", "/dump.sql", "latest", "/dump.sql"]).unwrap();
    assert!(
        dumped.stdout == whole,
        "{}",
        String::from_utf8_lossy(&dumped.stderr)
    );
}
