//! Remote write 2.0: `io.prometheus.write.v2.Request`, in which every text stands once.

use std::collections::HashMap;

use mainstay_series::{Labels, Sample};

use super::series::{Loose, sample};
use super::v1::put_sample;
use super::{RemoteError, Written, metric_type, type_number};
use crate::batch::Metadata;
use crate::wire::{Fields, Value, WireError, packed, put_bytes, put_int, put_message, put_varint};

pub(super) fn decode(message: &[u8]) -> Result<Written, RemoteError> {
    let mut symbols = Vec::new();
    for field in Fields(message) {
        if let (4, text) = field? {
            symbols.push(text.text()?);
        }
    }
    if symbols.first().is_some_and(|first| !first.is_empty()) {
        return Err(RemoteError::Message(
            "the first symbol is not empty".to_owned(),
        ));
    }
    let mut reader = Reader {
        symbols,
        written: Written::default(),
    };
    for field in Fields(message) {
        if let (5, series) = field? {
            reader.time_series(series.bytes()?)?;
        }
    }
    Ok(reader.written)
}

struct Reader<'a> {
    symbols: Vec<&'a str>,
    written: Written,
}

impl<'a> Reader<'a> {
    fn symbol(&self, number: u64) -> Result<&'a str, WireError> {
        let symbol = usize::try_from(number)
            .ok()
            .and_then(|number| self.symbols.get(number));
        symbol
            .copied()
            .ok_or(WireError("a symbol is named that does not exist"))
    }

    fn pairs(&self, numbers: &[u64]) -> Result<Vec<(&'a str, &'a str)>, WireError> {
        if !numbers.len().is_multiple_of(2) {
            return Err(WireError("a label has a name and no value"));
        }
        let pairs = numbers.chunks_exact(2);
        pairs
            .map(|pair| Ok((self.symbol(pair[0])?, self.symbol(pair[1])?)))
            .collect()
    }

    fn time_series(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let (mut numbers, mut samples, mut exemplars) = (Vec::new(), Vec::new(), Vec::new());
        let mut metadata = None;
        for field in Fields(bytes) {
            match field? {
                (1, value) => packed(value, |number| numbers.push(number))?,
                (2, value) => samples.push(sample(value.bytes()?)?),
                (3, _) => self.written.native_histograms += 1,
                (4, value) => exemplars.push(self.exemplar(value.bytes()?)?),
                (5, value) => metadata = Some(self.metadata(value)?),
                _ => {}
            }
        }
        let mut pairs = self.pairs(&numbers)?;
        let Some(labels) = self.written.labels(&mut pairs) else {
            return Ok(());
        };
        if let Some(mut metadata) = metadata {
            labels
                .metric()
                .unwrap_or_default()
                .clone_into(&mut metadata.metric);
            let known = &mut self.written.batch.metadata;
            let says = metadata.kind != crate::MetricType::Unknown || !metadata.help.is_empty();
            if says && known.last() != Some(&metadata) {
                known.push(metadata);
            }
        }
        self.written.series(&labels, &samples, exemplars);
        Ok(())
    }

    fn exemplar(&self, bytes: &[u8]) -> Result<Loose, WireError> {
        let (mut numbers, mut value, mut time_ms) = (Vec::new(), 0.0, 0);
        for field in Fields(bytes) {
            match field? {
                (1, number) => packed(number, |number| numbers.push(number))?,
                (2, number) => value = number.double()?,
                (3, number) => time_ms = number.int() as i64,
                _ => {}
            }
        }
        Ok(Loose {
            labels: Labels::from_pairs(self.pairs(&numbers)?),
            value,
            time_ms,
        })
    }

    fn metadata(&self, value: Value<'_>) -> Result<Metadata, WireError> {
        let mut metadata = Metadata::default();
        for field in Fields(value.bytes()?) {
            match field? {
                (1, number) => metadata.kind = metric_type(number.int()),
                (3, number) => self.symbol(number.int())?.clone_into(&mut metadata.help),
                (4, number) => self.symbol(number.int())?.clone_into(&mut metadata.unit),
                _ => {}
            }
        }
        Ok(metadata)
    }
}

/// Texts, each once.
struct Symbols<'a> {
    numbers: HashMap<&'a str, u64>,
    all: Vec<&'a str>,
}

impl<'a> Symbols<'a> {
    fn number(&mut self, text: &'a str) -> u64 {
        *self.numbers.entry(text).or_insert_with(|| {
            self.all.push(text);
            self.all.len() as u64 - 1
        })
    }
}

/// A `Request`, not packed yet. `metadata` is asked by the metric's name.
pub fn encode<'a>(
    series: impl IntoIterator<Item = (&'a Labels, &'a [Sample])>,
    metadata: impl Fn(&str) -> Option<&'a Metadata>,
) -> Vec<u8> {
    let mut symbols = Symbols {
        numbers: HashMap::from([("", 0)]),
        all: vec![""],
    };
    let (mut body, mut one, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
    for (labels, samples) in series {
        one.clear();
        put_message(&mut one, 1, &mut scratch, |refs| {
            for (name, value) in labels {
                put_varint(refs, symbols.number(name));
                put_varint(refs, symbols.number(value));
            }
        });
        for sample in samples {
            put_message(&mut one, 2, &mut scratch, |bytes| {
                put_sample(bytes, *sample);
            });
        }
        if let Some(metadata) = labels.metric().and_then(&metadata) {
            let (help, unit) = (
                symbols.number(&metadata.help),
                symbols.number(&metadata.unit),
            );
            put_message(&mut one, 5, &mut scratch, |bytes| {
                put_int(bytes, 1, type_number(metadata.kind));
                put_int(bytes, 3, help);
                put_int(bytes, 4, unit);
            });
        }
        put_bytes(&mut body, 5, &one);
    }
    let mut message = Vec::with_capacity(body.len() + symbols.all.len() * 16);
    for symbol in &symbols.all {
        put_bytes(&mut message, 4, symbol.as_bytes());
    }
    message.extend_from_slice(&body);
    message
}
