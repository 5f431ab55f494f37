//! New values: random, of a length and a format. Each character is drawn from all of its alphabet
//! with the same chance.

use mainstay_model::Secret;
use mainstay_stack::secrets::Format;
use ring::rand::{SecureRandom, SystemRandom};

/// Characters, where nobody says how many: 32 alphanumeric ones are 190 bits.
pub const DEFAULT_LENGTH: usize = 32;
pub const LIMIT_LENGTH: usize = 4096;

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";
/// URL-safe base64 without padding: any length that is no multiple of four plus one.
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Why no value was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    #[error("a value of the format `{0}` cannot be made up")]
    Format(&'static str),
    #[error("the length must be between 1 and {LIMIT_LENGTH}")]
    Length,
    #[error("the system gives no random bytes")]
    NoRandom,
}

/// A new value.
pub fn generate(format: Format, length: usize) -> Result<Secret<String>, GenerateError> {
    if !(1..=LIMIT_LENGTH).contains(&length) {
        return Err(GenerateError::Length);
    }
    let text = match format {
        Format::Alphanumeric => drawn(ALPHANUMERIC, length)?,
        Format::Hex => drawn(HEX, length)?,
        Format::Base64 => {
            // Four characters more than a multiple of four and one would be half a byte.
            let length = if length % 4 == 1 { length + 1 } else { length };
            drawn(BASE64, length)?
        }
        Format::Uuid => uuid()?,
        Format::Email | Format::Url => return Err(GenerateError::Format(format.word())),
    };
    Ok(Secret::new(text))
}

fn drawn(alphabet: &[u8], length: usize) -> Result<String, GenerateError> {
    // Bytes from here on would make some characters likelier than others.
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 64];
        fill(&mut bytes)?;
        let fit = bytes
            .into_iter()
            .map(usize::from)
            .filter(|byte| *byte < fair);
        let wanted = length - text.len();
        text.extend(
            fit.take(wanted)
                .map(|byte| char::from(alphabet[byte % alphabet.len()])),
        );
    }
    Ok(text)
}

/// Version 4 (RFC 9562).
fn uuid() -> Result<String, GenerateError> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    Ok(parts.map(|part| hex[part].to_owned()).join("-"))
}

fn fill(bytes: &mut [u8]) -> Result<(), GenerateError> {
    let random = SystemRandom::new();
    random.fill(bytes).map_err(|_| GenerateError::NoRandom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_value_has_its_format_and_length_and_is_another_each_time() {
        for format in [
            Format::Alphanumeric,
            Format::Hex,
            Format::Base64,
            Format::Uuid,
        ] {
            let mut seen = BTreeSet::new();
            for length in [16, 17, 32, 64] {
                let text = generate(format, length).unwrap().into_inner();
                assert!(format.matches(&text), "{format:?} {text}");
                assert!(text.len() >= length || format == Format::Uuid);
                assert!(seen.insert(text));
            }
        }
        assert_eq!(generate(Format::Hex, 0), Err(GenerateError::Length));
        assert_eq!(generate(Format::Hex, 5000), Err(GenerateError::Length));
        assert_eq!(generate(Format::Url, 9), Err(GenerateError::Format("url")));
    }

    #[test]
    fn every_character_is_drawn() {
        let text = drawn(ALPHANUMERIC, 4096).unwrap();
        let different: BTreeSet<char> = text.chars().collect();
        assert_eq!(different.len(), ALPHANUMERIC.len());
    }
}
