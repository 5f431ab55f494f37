//! The header: a version line, one stanza for each recipient, a MAC over all of it.
//!
//! ```text
//! age-encryption.org/v1
//! -> X25519 <ephemeral share>
//! <wrapped file key>
//! --- <MAC>
//! ```
//!
//! The specification is strict so that a file has one form; so is this: base64 without padding and
//! canonical, body lines of 64 characters and a shorter one at the end, nothing else between.

use super::AgeError;
use super::primitives::FileKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

const VERSION: &str = "age-encryption.org/v1";
const COLUMNS: usize = 64;
/// Recipients, and what may be there beside them.
const LIMIT_STANZAS: usize = 1000;
const LIMIT_LINE_BYTES: usize = 4096;

/// What one recipient can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stanza {
    /// The first is the kind.
    pub(super) arguments: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Stanza {
    pub(super) fn kind(&self) -> &str {
        self.arguments.first().map_or("", String::as_str)
    }
}

#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) stanzas: Vec<Stanza>,
    /// Everything that the MAC is over.
    signed: &'a [u8],
    mac: Vec<u8>,
}

impl Header<'_> {
    pub(super) fn verify(&self, key: &FileKey) -> Result<(), AgeError> {
        key.verify(self.signed, &self.mac)
    }
}

pub(super) fn write(stanzas: &[Stanza], key: &FileKey) -> Vec<u8> {
    let mut text = format!("{VERSION}\n");
    for stanza in stanzas {
        text.push_str("-> ");
        text.push_str(&stanza.arguments.join(" "));
        text.push('\n');
        let body = BASE64.encode(&stanza.body);
        let mut rest = body.as_str();
        // A body that fills its last line has an empty one after it.
        while rest.len() >= COLUMNS {
            let (line, after) = rest.split_at(COLUMNS);
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str("---");
    let mac = BASE64.encode(key.mac(text.as_bytes()));
    text.push(' ');
    text.push_str(&mac);
    text.push('\n');
    text.into_bytes()
}

/// The header, and the payload behind it.
pub(super) fn read(file: &[u8]) -> Result<(Header<'_>, &[u8]), AgeError> {
    let mut lines = Lines { file, at: 0 };
    if lines.next()? != VERSION {
        return Err(AgeError::Format(
            "it does not begin with `age-encryption.org/v1`",
        ));
    }
    let mut stanzas = Vec::new();
    loop {
        let begin = lines.at;
        let line = lines.next()?;
        if let Some(mac) = line.strip_prefix("--- ") {
            let mac = decode(mac)?;
            let signed = &file[..begin + "---".len()];
            let header = Header {
                stanzas,
                signed,
                mac,
            };
            return Ok((header, &file[lines.at..]));
        }
        let Some(arguments) = line.strip_prefix("-> ") else {
            return Err(AgeError::Format(
                "a line of its header is neither stanza nor end",
            ));
        };
        stanzas.push(stanza(arguments, &mut lines)?);
        if stanzas.len() > LIMIT_STANZAS {
            return Err(AgeError::Format("it has too many recipients"));
        }
    }
}

fn stanza(arguments: &str, lines: &mut Lines<'_>) -> Result<Stanza, AgeError> {
    let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
    let visible = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !arguments.iter().all(visible) {
        return Err(AgeError::Format("a stanza has an argument that is none"));
    }
    let mut text = String::new();
    loop {
        let line = lines.next()?;
        if line.len() > COLUMNS || text.len() > LIMIT_LINE_BYTES {
            return Err(AgeError::Format("the body of a stanza is too long"));
        }
        text.push_str(line);
        if line.len() < COLUMNS {
            break;
        }
    }
    let body = decode(&text)?;
    Ok(Stanza { arguments, body })
}

fn decode(text: &str) -> Result<Vec<u8>, AgeError> {
    BASE64
        .decode(text)
        .map_err(|_| AgeError::Format("its header holds base64 that is none"))
}

struct Lines<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, AgeError> {
        let rest = &self.file[self.at..];
        let window = &rest[..rest.len().min(LIMIT_LINE_BYTES)];
        let end = window
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(AgeError::Format("its header does not end"))?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| AgeError::Format("its header is no text"))
    }
}
