//! Messages there and back, and messages that are none.

use super::*;
use crate::batch::Metadata;
use mainstay_series::{Labels, MatchOp, Matcher, STALE, Sample, Window};
use proptest::prelude::*;
use std::collections::HashMap;

fn at(time_ms: i64, value: f64) -> Sample {
    Sample { time_ms, value }
}

fn some() -> Vec<(Labels, Vec<Sample>)> {
    let a = Labels::from_pairs([("__name__", "a_total"), ("job", "x"), ("k8s.pod", "ü")]);
    let b = Labels::from_pairs([("__name__", "b"), ("job", "x")]);
    vec![
        (a, vec![at(-5, 1.5), at(10, STALE)]),
        (b, vec![at(1_700_000_000_000, f64::INFINITY)]),
    ]
}

fn lent(series: &[(Labels, Vec<Sample>)]) -> impl Iterator<Item = (&Labels, &[Sample])> {
    series
        .iter()
        .map(|(labels, samples)| (labels, samples.as_slice()))
}

fn help() -> Metadata {
    Metadata {
        metric: "a_total".to_owned(),
        kind: MetricType::Counter,
        help: "All of a.".to_owned(),
        unit: "bytes".to_owned(),
    }
}

#[test]
fn both_versions_carry_series_and_metadata() {
    let series = some();
    let known = HashMap::from([("a_total".to_owned(), help())]);
    for (version, message) in [
        (WriteVersion::V1, encode_v1(lent(&series), &[help()])),
        (
            WriteVersion::V2,
            encode_v2(lent(&series), |name| known.get(name)),
        ),
    ] {
        let written = decode_write(&pack(&message).unwrap(), version, LIMIT_BYTES).unwrap();
        let rows = &written.batch.rows;
        let labels: Vec<_> = written.batch.new.iter().map(|(_, labels)| labels).collect();
        assert_eq!(labels, [&series[0].0, &series[0].0, &series[1].0]);
        assert_eq!((rows[0].time_ms, rows[0].value), (-5, 1.5));
        assert!(
            mainstay_series::is_stale(rows[1].value),
            "a stale marker keeps its bits"
        );
        assert_eq!(
            (rows[2].time_ms, rows[2].value),
            (1_700_000_000_000, f64::INFINITY)
        );
        assert_eq!(written.batch.metadata, [help()]);
        assert_eq!((written.invalid, written.native_histograms), (0, 0));
    }
}

#[test]
fn a_series_that_is_none_is_left_out_and_told() {
    let (mut message, mut scratch, mut inner) = (Vec::new(), Vec::new(), Vec::new());
    for pairs in [
        vec![("job", "x")],
        vec![("__name__", "a"), ("b", "1"), ("b", "2")],
        vec![("__name__", "ok")],
    ] {
        crate::wire::put_message(&mut message, 1, &mut scratch, |bytes| {
            for (name, value) in pairs {
                crate::wire::put_message(bytes, 1, &mut inner, |bytes| {
                    crate::wire::put_bytes(bytes, 1, name.as_bytes());
                    crate::wire::put_bytes(bytes, 2, value.as_bytes());
                });
            }
            crate::wire::put_message(bytes, 2, &mut inner, |bytes| {
                v1::put_sample(bytes, at(1, 2.0));
            });
            crate::wire::put_bytes(bytes, 4, b"");
        });
    }
    let written = decode_write(&pack(&message).unwrap(), WriteVersion::V1, LIMIT_BYTES).unwrap();
    assert_eq!(written.batch.rows.len(), 1);
    assert_eq!((written.invalid, written.native_histograms), (2, 3));
    assert_eq!(
        written.reasons,
        [
            "a series has no metric name",
            "label `b` stands twice in a series"
        ]
    );
}

#[test]
fn bombs_and_garbage_are_refused() {
    let bomb = pack(&vec![0; 1 << 20]).unwrap();
    assert!(bomb.len() < 1 << 17);
    let refused = decode_write(&bomb, WriteVersion::V1, 1 << 16).unwrap_err();
    assert_eq!(
        refused,
        RemoteError::TooLarge {
            bytes: 1 << 20,
            limit: 1 << 16
        }
    );
    for body in [&b""[..], b"\xff\xff\xff", b"hello"] {
        assert!(decode_write(body, WriteVersion::V2, LIMIT_BYTES).is_err());
    }
    let symbols = pack(&[0x2a, 4, 0x0a, 2, 1, 1]).unwrap();
    let error = decode_write(&symbols, WriteVersion::V2, LIMIT_BYTES).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not protobuf: a symbol is named that does not exist"
    );
}

#[test]
fn a_read_goes_there_and_back() {
    let matchers = vec![
        Matcher::equal("__name__", "a"),
        Matcher::new(MatchOp::NotRegex, "job", "x|y").unwrap(),
    ];
    let request = ReadRequest {
        queries: vec![ReadQuery {
            window: Window {
                start_ms: -1,
                end_ms: 9,
            },
            matchers,
            hints: Hints {
                step_ms: 5,
                function: "rate".to_owned(),
                range_ms: 7,
            },
        }],
        takes_samples: true,
    };
    let body = request.encode().unwrap();
    assert_eq!(ReadRequest::decode(&body, LIMIT_BYTES).unwrap(), request);
    let series = some();
    let mut response = ReadResponse::default();
    response.result(lent(&series[..1]));
    response.result(lent(&[]));
    let results = ReadResponse::decode(&response.encode().unwrap(), LIMIT_BYTES).unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0][0].0, series[0].0);
    assert_eq!(results[0][0].1[0], series[0].1[0]);
    assert!(results[1].is_empty());
}

#[test]
fn the_content_type_names_the_version() {
    let of = WriteVersion::of_content_type;
    for version in [WriteVersion::V1, WriteVersion::V2] {
        assert_eq!(of(version.content_type()), Some(version));
    }
    assert_eq!(
        of("application/x-protobuf;proto=prometheus.WriteRequest"),
        Some(WriteVersion::V1)
    );
    assert_eq!(
        (
            of("application/json"),
            of("application/x-protobuf; proto=x.Y")
        ),
        (None, None)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = (v1::decode(&bytes), v2::decode(&bytes));
        let packed = pack(&bytes).unwrap();
        let _ = ReadRequest::decode(&packed, LIMIT_BYTES);
        let _ = ReadResponse::decode(&packed, LIMIT_BYTES);
        let mut seen = crate::tests::Seen::default();
        let limits = crate::Limits::default();
        let _ = crate::parse(&bytes, crate::Format::Protobuf, &limits, &mut seen);
    }
}
