//! The corpora of the fuzz targets, replayed.

use std::path::Path;

use mainstay_exposition::remote::{ReadRequest, ReadResponse, WriteVersion, decode_write, pack};
use mainstay_exposition::{Format, Limits, Point, Reason, Visit, backfill, parse};

#[derive(Default)]
struct Count(u64, u64);

impl Visit for Count {
    fn sample(&mut self, point: Point<'_>) -> Result<(), Reason> {
        point.labels()?;
        self.0 += 1;
        Ok(())
    }

    fn native_histogram(&mut self, name: &str) -> Result<(), Reason> {
        assert_eq!(name, "n");
        self.1 += 1;
        Ok(())
    }
}

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let entries = std::fs::read_dir(folder).expect("a corpus").flatten();
    let read = |path: &Path| std::fs::read(path).expect("an input");
    entries
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                read(&entry.path()),
            )
        })
        .collect()
}

#[test]
fn bodies_are_read_or_refused() {
    for (name, bytes) in corpus("exposition") {
        let read = |format| {
            let mut count = Count::default();
            let outcome = parse(&bytes, format, &Limits::default(), &mut count);
            outcome.ok().map(|()| (count.0, count.1))
        };
        let (text, open) = (read(Format::Text), read(Format::OpenMetrics));
        let proto = read(Format::Protobuf);
        let _ = backfill(&bytes, &Limits::default());
        match name.as_str() {
            "text" => assert_eq!((text, open, proto), (Some((3, 0)), None, None)),
            "text_brace_in_quotes" => assert_eq!(text, Some((2, 0))),
            "openmetrics" => assert_eq!(open, Some((2, 0))),
            "text_open_quote" => assert_eq!((text, open), (None, None)),
            "protobuf_histogram" => {
                assert_eq!(proto, Some((4, 0)), "count, sum, a bucket, infinity");
            }
            "protobuf_native" => assert_eq!(proto, Some((0, 1))),
            _ => {}
        }
    }
}

#[test]
fn messages_are_read_or_refused() {
    for (name, bytes) in corpus("remote_write") {
        let packed = pack(&bytes).unwrap();
        let _ = (
            ReadRequest::decode(&packed, 1 << 20),
            ReadResponse::decode(&packed, 1 << 20),
        );
        let rows = |version| {
            let written = decode_write(&packed, version, 1 << 20);
            written.ok().map(|written| written.batch.rows.len())
        };
        let (one, two) = (rows(WriteVersion::V1), rows(WriteVersion::V2));
        match name.as_str() {
            "v1" => assert_eq!(one, Some(1)),
            "v2" => assert_eq!(two, Some(1)),
            "v2_symbol_that_is_none" => assert_eq!(two, None),
            "length_beyond_the_end" => assert_eq!((one, two), (None, None)),
            _ => {}
        }
    }
}
