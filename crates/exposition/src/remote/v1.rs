//! Remote write 1.0: `prometheus.WriteRequest`.

use mainstay_series::{Labels, Sample};

use super::series::{Loose, sample};
use super::{RemoteError, Written, metric_type, type_number};
use crate::batch::Metadata;
use crate::wire::{Fields, WireError, put_bytes, put_double, put_int, put_message};

pub(super) fn decode(message: &[u8]) -> Result<Written, RemoteError> {
    let mut written = Written::default();
    for field in Fields(message) {
        match field? {
            (1, series) => time_series(&mut written, series.bytes()?)?,
            (3, metadata) => written
                .batch
                .metadata
                .push(self::metadata(metadata.bytes()?)?),
            _ => {}
        }
    }
    Ok(written)
}

fn time_series(written: &mut Written, bytes: &[u8]) -> Result<(), WireError> {
    let (mut pairs, mut samples, mut exemplars) = (Vec::with_capacity(16), Vec::new(), Vec::new());
    for field in Fields(bytes) {
        match field? {
            (1, label) => pairs.push(pair(label.bytes()?)?),
            (2, value) => samples.push(sample(value.bytes()?)?),
            (3, value) => exemplars.push(exemplar(value.bytes()?)?),
            (4, _) => written.native_histograms += 1,
            _ => {}
        }
    }
    if let Some(labels) = written.labels(&mut pairs) {
        written.series(&labels, &samples, exemplars);
    }
    Ok(())
}

pub(super) fn pair(bytes: &[u8]) -> Result<(&str, &str), WireError> {
    let (mut name, mut value) = ("", "");
    for field in Fields(bytes) {
        match field? {
            (1, text) => name = text.text()?,
            (2, text) => value = text.text()?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn exemplar(bytes: &[u8]) -> Result<Loose, WireError> {
    let (mut pairs, mut value, mut time_ms) = (Vec::new(), 0.0, 0);
    for field in Fields(bytes) {
        match field? {
            (1, label) => pairs.push(pair(label.bytes()?)?),
            (2, number) => value = number.double()?,
            (3, number) => time_ms = number.int() as i64,
            _ => {}
        }
    }
    Ok(Loose {
        labels: Labels::from_pairs(pairs),
        value,
        time_ms,
    })
}

fn metadata(bytes: &[u8]) -> Result<Metadata, WireError> {
    let mut metadata = Metadata::default();
    for field in Fields(bytes) {
        match field? {
            (1, number) => metadata.kind = metric_type(number.int()),
            (2, text) => text.text()?.clone_into(&mut metadata.metric),
            (4, text) => text.text()?.clone_into(&mut metadata.help),
            (5, text) => text.text()?.clone_into(&mut metadata.unit),
            _ => {}
        }
    }
    Ok(metadata)
}

/// A `WriteRequest`, not packed yet. Series have their samples in order.
pub fn encode<'a>(
    series: impl IntoIterator<Item = (&'a Labels, &'a [Sample])>,
    metadata: &[Metadata],
) -> Vec<u8> {
    let (mut message, mut scratch) = (Vec::new(), Vec::new());
    for (labels, samples) in series {
        put_message(&mut message, 1, &mut scratch, |series| {
            put_series(series, labels, samples);
        });
    }
    for metadata in metadata {
        put_message(&mut message, 3, &mut scratch, |bytes| {
            put_int(bytes, 1, type_number(metadata.kind));
            put_bytes(bytes, 2, metadata.metric.as_bytes());
            put_bytes(bytes, 4, metadata.help.as_bytes());
            put_bytes(bytes, 5, metadata.unit.as_bytes());
        });
    }
    message
}

/// The fields of a `TimeSeries`, which remote read has too.
pub(super) fn put_series(into: &mut Vec<u8>, labels: &Labels, samples: &[Sample]) {
    let mut scratch = Vec::with_capacity(64);
    for (name, value) in labels {
        put_message(into, 1, &mut scratch, |label| {
            put_bytes(label, 1, name.as_bytes());
            put_bytes(label, 2, value.as_bytes());
        });
    }
    for sample in samples {
        put_message(into, 2, &mut scratch, |bytes| put_sample(bytes, *sample));
    }
}

pub(super) fn put_sample(into: &mut Vec<u8>, sample: Sample) {
    put_double(into, 1, sample.value);
    put_int(into, 2, sample.time_ms as u64);
}
