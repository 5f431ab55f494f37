//! What stands in a record: series, samples, deletions, exemplars; Prometheus's types 1 to 4.
//!
//! Other types (metadata and histograms of a Prometheus whose log we open) are passed over and
//! counted.

use mainstay_series::{Labels, Sample, Window};

use crate::bytes::{Cursor, put_text, put_uvarint, put_varint};

const SERIES: u8 = 1;
const SAMPLES: u8 = 2;
const TOMBSTONES: u8 = 3;
const EXEMPLARS: u8 = 4;

/// A sample of a series that another record has named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RefSample {
    pub(crate) id: u64,
    pub(crate) sample: Sample,
}

/// An exemplar of a series that another record has named.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RefExemplar {
    pub(crate) id: u64,
    pub(crate) labels: Labels,
    pub(crate) sample: Sample,
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Series(Vec<(u64, Labels)>),
    Samples(Vec<RefSample>),
    Tombstones(Vec<(u64, Window)>),
    Exemplars(Vec<RefExemplar>),
    /// Of a type that is not ours.
    Other,
}

/// A record of new series.
pub(crate) fn series<'a>(series: impl IntoIterator<Item = (u64, &'a Labels)>) -> Vec<u8> {
    let mut bytes = vec![SERIES];
    for (id, labels) in series {
        bytes.extend_from_slice(&id.to_be_bytes());
        put_labels(&mut bytes, labels);
    }
    bytes
}

fn put_labels(bytes: &mut Vec<u8>, labels: &Labels) {
    put_uvarint(bytes, labels.len() as u64);
    for (name, value) in labels {
        put_text(bytes, name);
        put_text(bytes, value);
    }
}

/// A record of samples; one record is taken up whole or not at all.
pub(crate) fn samples(samples: &[RefSample]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17 + samples.len() * 12);
    bytes.push(SAMPLES);
    let Some(first) = samples.first() else {
        return bytes;
    };
    bytes.extend_from_slice(&first.id.to_be_bytes());
    bytes.extend_from_slice(&first.sample.time_ms.to_be_bytes());
    for RefSample { id, sample } in samples {
        put_varint(&mut bytes, id.wrapping_sub(first.id) as i64);
        let step = sample.time_ms.wrapping_sub(first.sample.time_ms);
        put_varint(&mut bytes, step);
        bytes.extend_from_slice(&sample.value.to_bits().to_be_bytes());
    }
    bytes
}

/// A record of deletions.
pub(crate) fn tombstones(stones: &[(u64, Window)]) -> Vec<u8> {
    let mut bytes = vec![TOMBSTONES];
    for (id, window) in stones {
        bytes.extend_from_slice(&id.to_be_bytes());
        put_varint(&mut bytes, window.start_ms);
        put_varint(&mut bytes, window.end_ms);
    }
    bytes
}

/// A record of exemplars.
pub(crate) fn exemplars(exemplars: &[RefExemplar]) -> Vec<u8> {
    let mut bytes = vec![EXEMPLARS];
    let Some(first) = exemplars.first() else {
        return bytes;
    };
    bytes.extend_from_slice(&first.id.to_be_bytes());
    bytes.extend_from_slice(&first.sample.time_ms.to_be_bytes());
    for RefExemplar { id, labels, sample } in exemplars {
        put_varint(&mut bytes, id.wrapping_sub(first.id) as i64);
        let step = sample.time_ms.wrapping_sub(first.sample.time_ms);
        put_varint(&mut bytes, step);
        bytes.extend_from_slice(&sample.value.to_bits().to_be_bytes());
        put_labels(&mut bytes, labels);
    }
    bytes
}

/// Reads a record; `None` where it is not what its type says.
pub(crate) fn decode(bytes: &[u8]) -> Option<Record> {
    let mut cursor = Cursor(bytes);
    match cursor.byte()? {
        SERIES => decode_series(cursor).map(Record::Series),
        SAMPLES => decode_samples(cursor).map(Record::Samples),
        TOMBSTONES => decode_tombstones(cursor).map(Record::Tombstones),
        EXEMPLARS => decode_exemplars(cursor).map(Record::Exemplars),
        _ => Some(Record::Other),
    }
}

fn decode_series(mut cursor: Cursor<'_>) -> Option<Vec<(u64, Labels)>> {
    let mut all = Vec::new();
    while !cursor.is_empty() {
        all.push((cursor.u64()?, take_labels(&mut cursor)?));
    }
    Some(all)
}

fn take_labels(cursor: &mut Cursor<'_>) -> Option<Labels> {
    let mut pairs = Vec::new();
    for _ in 0..cursor.uvarint()? {
        pairs.push((cursor.text()?, cursor.text()?));
    }
    Some(checked_labels(&pairs))
}

/// Labels from pairs that ought to be sorted, and are made so where they are not.
pub(crate) fn checked_labels(pairs: &[(&str, &str)]) -> Labels {
    let sorted = pairs.windows(2).all(|two| two[0].0 < two[1].0);
    if sorted && pairs.iter().all(|(_, value)| !value.is_empty()) {
        Labels::from_sorted(pairs.iter().copied())
    } else {
        Labels::from_pairs(pairs.iter().copied())
    }
}

fn decode_samples(mut cursor: Cursor<'_>) -> Option<Vec<RefSample>> {
    if cursor.is_empty() {
        return Some(Vec::new());
    }
    let (id, time_ms) = (cursor.u64()?, cursor.u64()? as i64);
    let mut all = Vec::with_capacity(cursor.0.len() / 10);
    while !cursor.is_empty() {
        let id = id.wrapping_add(cursor.varint()? as u64);
        let time_ms = time_ms.wrapping_add(cursor.varint()?);
        let value = f64::from_bits(cursor.u64()?);
        let sample = Sample { time_ms, value };
        all.push(RefSample { id, sample });
    }
    Some(all)
}

fn decode_exemplars(mut cursor: Cursor<'_>) -> Option<Vec<RefExemplar>> {
    if cursor.is_empty() {
        return Some(Vec::new());
    }
    let (id, time_ms) = (cursor.u64()?, cursor.u64()? as i64);
    let mut all = Vec::new();
    while !cursor.is_empty() {
        let id = id.wrapping_add(cursor.varint()? as u64);
        let time_ms = time_ms.wrapping_add(cursor.varint()?);
        let value = f64::from_bits(cursor.u64()?);
        let labels = take_labels(&mut cursor)?;
        let sample = Sample { time_ms, value };
        all.push(RefExemplar { id, labels, sample });
    }
    Some(all)
}

fn decode_tombstones(mut cursor: Cursor<'_>) -> Option<Vec<(u64, Window)>> {
    let mut all = Vec::new();
    while !cursor.is_empty() {
        let id = cursor.u64()?;
        let (start_ms, end_ms) = (cursor.varint()?, cursor.varint()?);
        all.push((id, Window { start_ms, end_ms }));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records_come_back() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]);
        let bytes = series([(7, &labels)]);
        assert_eq!(decode(&bytes), Some(Record::Series(vec![(7, labels)])));

        let window = Window {
            start_ms: -5,
            end_ms: i64::MAX,
        };
        let bytes = tombstones(&[(7, window)]);
        let expected = Record::Tombstones(vec![(7, window)]);
        assert_eq!(decode(&bytes), Some(expected));
        let exemplar = |id, time_ms: i64| RefExemplar {
            id,
            labels: Labels::from_pairs([("trace_id", time_ms.to_string())]),
            sample: Sample {
                time_ms,
                value: 0.5,
            },
        };
        let all = vec![exemplar(9, 1_000), exemplar(7, 900), exemplar(u64::MAX, -1)];
        let bytes = exemplars(&all);
        assert_eq!(decode(&bytes), Some(Record::Exemplars(all)));
        assert_eq!(decode(&exemplars(&[])), Some(Record::Exemplars(Vec::new())));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(decode(&[200, 1, 2]), Some(Record::Other));
        assert_eq!(decode(&[]), None);
    }

    proptest! {
        #[test]
        fn samples_come_back(all in prop::collection::vec((any::<u64>(), any::<i64>(), -1e9..1e9f64), 0..50)) {
            let of = |(id, time_ms, value)| RefSample { id, sample: Sample { time_ms, value } };
            let all: Vec<_> = all.into_iter().map(of).collect();
            prop_assert_eq!(decode(&samples(&all)), Some(Record::Samples(all)));
        }

        #[test]
        fn any_bytes_are_a_record_or_none(mut bytes in prop::collection::vec(any::<u8>(), 1..100)) {
            bytes[0] %= 6;
            let _ = decode(&bytes);
        }
    }
}
