//! Any bytes as messages of remote write and remote read: no panic, no endless memory; and what is
//! read can be written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_exposition::remote::{
    ReadRequest, ReadResponse, WriteVersion, decode_write, encode_v1, pack,
};
use mainstay_series::Sample;

const LIMIT: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode_write(bytes, WriteVersion::V1, LIMIT);
    let Ok(packed) = pack(bytes) else { return };
    let _ = (ReadRequest::decode(&packed, LIMIT), ReadResponse::decode(&packed, LIMIT));
    for version in [WriteVersion::V1, WriteVersion::V2] {
        let Ok(written) = decode_write(&packed, version, LIMIT) else { continue };
        let rows = &written.batch.rows;
        let samples: Vec<Sample> =
            rows.iter().map(|row| Sample { time_ms: row.time_ms, value: row.value }).collect();
        let series = written.batch.new.iter().map(|(row, labels)| {
            (labels, std::slice::from_ref(&samples[*row as usize]))
        });
        let message = pack(&encode_v1(series, &[])).expect("it is small");
        let again = decode_write(&message, WriteVersion::V1, usize::MAX).expect("we wrote it");
        assert_eq!(again.batch.new, written.batch.new);
    }
});
