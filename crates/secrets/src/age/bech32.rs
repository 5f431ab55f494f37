//! Bech32, as age writes its keys (BIP 173, without its limit of 90 characters).

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [
    0x3b6a_57b2,
    0x2650_8e6d,
    0x1ea1_19fa,
    0x3d42_33dd,
    0x2a14_62b3,
];
const CHECKSUM: usize = 6;

/// Lower case.
pub(super) fn encode(prefix: &str, bytes: &[u8]) -> String {
    let mut values = regroup(bytes, 8, 5, true).unwrap_or_default();
    let mut all = expanded(prefix);
    all.extend_from_slice(&values);
    all.extend_from_slice(&[0; CHECKSUM]);
    let rest = polymod(&all) ^ 1;
    values.extend((0..CHECKSUM).map(|index| (rest >> (5 * (5 - index)) & 31) as u8));
    let text = values
        .iter()
        .map(|value| char::from(ALPHABET[usize::from(*value)]));
    format!("{prefix}1{}", text.collect::<String>())
}

/// Prefix in lower case, and the bytes; `None` where a character or the checksum is wrong.
pub(super) fn decode(text: &str) -> Option<(String, Vec<u8>)> {
    let lower = text.to_ascii_lowercase();
    // All of one case.
    if text != lower && text != text.to_ascii_uppercase() {
        return None;
    }
    let (prefix, data) = lower.rsplit_once('1')?;
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let position = |byte: u8| ALPHABET.iter().position(|known| *known == byte);
    let values: Vec<u8> = data
        .bytes()
        .map(|byte| position(byte).map(|value| value as u8))
        .collect::<Option<_>>()?;
    let mut all = expanded(prefix);
    all.extend_from_slice(&values);
    if polymod(&all) != 1 {
        return None;
    }
    let payload = &values[..values.len().checked_sub(CHECKSUM)?];
    Some((prefix.to_owned(), regroup(payload, 5, 8, false)?))
}

fn expanded(prefix: &str) -> Vec<u8> {
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).collect()
}

fn polymod(values: &[u8]) -> u32 {
    values.iter().fold(1, |sum: u32, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(*value);
        GENERATOR
            .iter()
            .enumerate()
            .fold(next, |next, (bit, part)| {
                if top >> bit & 1 == 1 {
                    next ^ part
                } else {
                    next
                }
            })
    })
}

/// Groups of `from` bits as groups of `to` bits; what is left over must be zero, and is padded on
/// request only.
fn regroup(values: &[u8], from: u32, to: u32, pad: bool) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for value in values {
        held = held << from | u32::from(*value);
        bits += from;
        while bits >= to {
            bits -= to;
            out.push((held >> bits & ((1 << to) - 1)) as u8);
        }
        held &= (1 << bits) - 1;
    }
    if pad {
        if bits > 0 {
            out.push((held << (to - bits)) as u8);
        }
    } else if bits >= from || held != 0 {
        return None;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From BIP 173.
    #[test]
    fn the_vectors_of_the_specification_hold() {
        for good in [
            "A12UEL5L",
            "a12uel5l",
            "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
            "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        ] {
            let (prefix, bytes) = decode(good).expect(good);
            assert_eq!(encode(&prefix, &bytes), good.to_ascii_lowercase());
        }
        for bad in [
            "a12uel5x",
            "A12uEL5L",
            "1nwldj5",
            "10a06t8",
            "pzry9x0s0muk",
            "x1b4n0q5v",
            "li1dgmt3",
            "split1cheo2y9e2w",
            "",
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
