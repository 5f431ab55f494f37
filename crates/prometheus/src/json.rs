//! JSON written by hand into one buffer: an answer can have millions of points, and a tree of them
//! would be many times their size.
//!
//! Source for numbers and times: Prometheus's `util/jsonutil`.

use mainstay_series::{Labels, Samples};

use mainstay_promql::number;

/// JSON in the making. Commas are put by themselves.
#[derive(Debug, Default)]
pub(crate) struct Json(Vec<u8>);

impl Json {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A comma, unless this is the first of its kind.
    fn comma(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(b',');
        }
    }

    /// Begins a list or an object.
    pub(crate) fn open(&mut self, bracket: char) -> &mut Self {
        self.comma();
        self.0.push(bracket as u8);
        self
    }

    /// Ends one.
    pub(crate) fn close(&mut self, bracket: char) -> &mut Self {
        self.0.push(bracket as u8);
        self
    }

    /// Begins a field.
    pub(crate) fn key(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self.0.push(b':');
        self
    }

    /// Text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.comma();
        self.0.push(b'"');
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            let Some(escape) = escape(byte) else { continue };
            self.0.extend_from_slice(&text.as_bytes()[plain..at]);
            self.0.push(b'\\');
            if escape == b'u' {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                self.0.extend_from_slice(b"u00");
                self.0.push(HEX[usize::from(byte >> 4)]);
                self.0.push(HEX[usize::from(byte & 15)]);
            } else {
                self.0.push(escape);
            }
            plain = at + 1;
        }
        self.0.extend_from_slice(&text.as_bytes()[plain..]);
        self.0.push(b'"');
        self
    }

    /// A list of texts.
    pub(crate) fn texts<T: AsRef<str>>(&mut self, texts: impl IntoIterator<Item = T>) -> &mut Self {
        self.open('[');
        for text in texts {
            self.text(text.as_ref());
        }
        self.close(']')
    }

    /// A whole number, as a number.
    pub(crate) fn integer(&mut self, value: i64) -> &mut Self {
        self.comma();
        number::integer(&mut self.0, value);
        self
    }

    /// A number, as a number; what JSON has no word for is `null`.
    pub(crate) fn number(&mut self, value: f64) -> &mut Self {
        self.comma();
        if value.is_finite() {
            number::shortest(&mut self.0, value);
        } else {
            self.0.extend_from_slice(b"null");
        }
        self
    }

    /// A value of a sample: text, since JSON knows neither `NaN` nor `+Inf`.
    pub(crate) fn value(&mut self, value: f64) -> &mut Self {
        self.comma();
        self.0.push(b'"');
        number::shortest(&mut self.0, value);
        self.0.push(b'"');
        self
    }

    /// The value of a scalar, which alone is never written with an exponent.
    pub(crate) fn scalar(&mut self, value: f64) -> &mut Self {
        self.comma();
        self.0.push(b'"');
        number::fixed(&mut self.0, value);
        self.0.push(b'"');
        self
    }

    /// A time in seconds, with milliseconds where there are some.
    pub(crate) fn time(&mut self, time_ms: i64) -> &mut Self {
        self.comma();
        if time_ms < 0 {
            self.0.push(b'-');
        }
        let ms = time_ms.unsigned_abs();
        number::unsigned(&mut self.0, ms / 1000);
        let fraction = ms % 1000;
        if fraction != 0 {
            let digit = |by: u64| b'0' + (fraction / by % 10) as u8;
            self.0
                .extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
        }
        self
    }

    /// `[time, "value"]`
    pub(crate) fn point(&mut self, time_ms: i64, value: f64) -> &mut Self {
        self.open('[').time(time_ms).value(value).close(']')
    }

    /// `[[time, "value"], …]`
    pub(crate) fn points(&mut self, samples: &Samples) -> &mut Self {
        self.open('[');
        for (time_ms, value) in samples.times.iter().zip(&samples.values) {
            self.point(*time_ms, *value);
        }
        self.close(']')
    }

    /// `{"name":"value", …}`
    pub(crate) fn labels(&mut self, labels: &Labels) -> &mut Self {
        self.open('{');
        for (name, value) in labels {
            self.key(name).text(value);
        }
        self.close('}')
    }

    /// What serde makes of a value.
    pub(crate) fn serde(&mut self, value: &impl serde::Serialize) -> &mut Self {
        self.comma();
        if serde_json::to_writer(&mut self.0, value).is_err() {
            self.0.extend_from_slice(b"null");
        }
        self
    }
}

/// The letter behind the backslash; `u`: by number.
fn escape(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' => Some(byte),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        // The last three so that no browser takes an answer for HTML.
        0..=0x1f | b'<' | b'>' | b'&' => Some(b'u'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        write(&mut json);
        String::from_utf8(json.into_bytes()).unwrap()
    }

    #[test]
    fn times_are_seconds_with_milliseconds_where_there_are_some() {
        for (ms, text) in [
            (0, "0"),
            (1, "0.001"),
            (1_500, "1.500"),
            (1_435_781_451_781, "1435781451.781"),
            (-1_010, "-1.010"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(written(|json| _ = json.time(ms)), text);
        }
    }

    #[test]
    fn commas_stand_between_and_nowhere_else() {
        let text = written(|json| {
            json.open('{');
            json.key("a").open('[').close(']');
            json.key("b").open('[').integer(1).integer(-2).close(']');
            json.key("c")
                .labels(&Labels::from_pairs([("x", "1"), ("y", "2")]));
            json.key("e").number(0.5).close('}');
        });
        assert_eq!(text, r#"{"a":[],"b":[1,-2],"c":{"x":"1","y":"2"},"e":0.5}"#);
    }

    #[test]
    fn text_that_serde_reads_is_what_went_in() {
        let long: String = (0..0x250u32).filter_map(char::from_u32).collect();
        for text in ["", "a:b,", "\"", "ends in [", "</script>&\u{2028}", &long] {
            let json = written(|json| _ = json.open('[').text(text).text(text).close(']'));
            let back: Vec<String> = serde_json::from_str(&json).unwrap();
            assert_eq!(back, [text, text], "{json}");
            assert!(!json.contains('<') && !json.contains('>'));
        }
    }
}
