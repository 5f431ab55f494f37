//! Protobuf's wire format, as much of it as is read and written here.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>. Groups, which nobody sends, are
//! refused.

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not protobuf: {0}")]
pub(crate) struct WireError(pub(crate) &'static str);

/// One value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// A whole number; 0 where it is another kind.
    pub(crate) fn int(self) -> u64 {
        match self {
            Self::Varint(value) | Self::Fixed64(value) => value,
            Self::Fixed32(value) => value.into(),
            Self::Bytes(_) => 0,
        }
    }

    pub(crate) fn double(self) -> Result<f64, WireError> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(WireError("a double is another kind of value")),
        }
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError("a message is another kind of value")),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError("a text is not UTF-8"))
    }
}

/// The fields of a message, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u32, Value<'a>), WireError> {
        let key = varint(&mut self.0)?;
        let number =
            u32::try_from(key >> 3).map_err(|_| WireError("a field's number is too large"))?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.0)?),
            1 => Value::Fixed64(u64::from_le_bytes(fixed(&mut self.0)?)),
            2 => {
                let length = varint(&mut self.0)?;
                let length = usize::try_from(length).map_err(|_| WireError(SHORT))?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(WireError(SHORT))?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(fixed(&mut self.0)?)),
            _ => return Err(WireError("a field is of a kind that does not exist")),
        };
        Ok((number, value))
    }
}

const SHORT: &str = "it ends in the middle";

/// Takes a number from the front.
pub(crate) fn varint(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(WireError(SHORT))?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(WireError("a number is too long"))
}

fn fixed<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (value, rest) = bytes.split_first_chunk::<N>().ok_or(WireError(SHORT))?;
    *bytes = rest;
    Ok(*value)
}

/// The numbers of a repeated field, packed or not.
pub(crate) fn packed(value: Value<'_>, mut each: impl FnMut(u64)) -> Result<(), WireError> {
    let Value::Bytes(mut bytes) = value else {
        each(value.int());
        return Ok(());
    };
    while !bytes.is_empty() {
        each(varint(&mut bytes)?);
    }
    Ok(())
}

/// Appends a number.
pub(crate) fn put_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value as u8) | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

pub(crate) fn put_int(into: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(into, u64::from(field) << 3);
    put_varint(into, value);
}

pub(crate) fn put_double(into: &mut Vec<u8>, field: u32, value: f64) {
    put_varint(into, (u64::from(field) << 3) | 1);
    into.extend_from_slice(&value.to_bits().to_le_bytes());
}

pub(crate) fn put_bytes(into: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_varint(into, (u64::from(field) << 3) | 2);
    put_varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

/// Appends a message that `write` makes in `scratch`.
pub(crate) fn put_message(
    into: &mut Vec<u8>,
    field: u32,
    scratch: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    scratch.clear();
    write(scratch);
    put_bytes(into, field, scratch);
}
