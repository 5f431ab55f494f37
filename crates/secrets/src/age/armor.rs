//! The text form of a file: base64 between two lines, so that it can lie in a repository.

use super::AgeError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::borrow::Cow;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const COLUMNS: usize = 64;

pub(super) fn write(file: &[u8]) -> String {
    let body = BASE64.encode(file);
    let mut text = format!("{BEGIN}\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(COLUMNS));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// The file itself; one that is not armored is taken as it is. Line ends of other systems and white
/// space around the whole do no harm.
pub(super) fn read(file: &[u8]) -> Result<Cow<'_, [u8]>, AgeError> {
    let trimmed = file.trim_ascii();
    if !trimmed.starts_with(BEGIN.as_bytes()) {
        return Ok(file.into());
    }
    let wrong = AgeError::Format("its armor is damaged");
    let text = std::str::from_utf8(trimmed).map_err(|_| wrong.clone())?;
    let mut lines = text.lines();
    lines.next();
    let mut body = String::with_capacity(text.len());
    let mut short = false;
    for line in lines.by_ref() {
        if line == END {
            if lines.next().is_some() {
                return Err(wrong);
            }
            let file = BASE64.decode(body).map_err(|_| wrong)?;
            return Ok(file.into());
        }
        // Only the last line is shorter.
        if short || line.is_empty() || line.len() > COLUMNS {
            return Err(wrong);
        }
        short = line.len() < COLUMNS;
        body.push_str(line);
    }
    Err(wrong)
}
