//! The parameters of a request: of the address, and of the form in the body where there is one.
//!
//! As Go's `ParseForm`, with one difference: what cannot be decoded is always an error, where most
//! of Prometheus's handlers drop it in silence.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use tokio::time::timeout;

use crate::failure::Failure;
use crate::routes::Api;

/// The most parameters of a request.
const MAX_PARAMETERS: usize = 10_000;

/// Names and values, those of the body first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The first value of that name; empty where there is none.
    pub(crate) fn first(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    /// All values of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(n, _)| n == name);
        named.map(|(_, value)| value.as_str())
    }

    fn read(&mut self, encoded: &str) -> Result<(), Failure> {
        for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
            if pair.contains(';') {
                return Err(unreadable("invalid semicolon separator in query"));
            }
            if self.0.len() >= MAX_PARAMETERS {
                let reason = format!("more than {MAX_PARAMETERS} parameters");
                return Err(unreadable(&reason));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.0.push((decode(name)?, decode(value)?));
        }
        Ok(())
    }
}

fn unreadable(reason: &str) -> Failure {
    Failure::bad_data(format!("error parsing form values: {reason}"))
}

fn decode(text: &str) -> Result<String, Failure> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = after.split_at_checked(2);
                let byte = digits.and_then(|(hex, _)| {
                    let plain = hex.iter().all(u8::is_ascii_hexdigit);
                    let hex = std::str::from_utf8(hex).ok().filter(|_| plain)?;
                    u8::from_str_radix(hex, 16).ok()
                });
                let Some(byte) = byte else {
                    let shown = String::from_utf8_lossy(&after[..after.len().min(2)]);
                    return Err(unreadable(&format!("invalid URL escape \"%{shown}\"")));
                };
                bytes.push(byte);
                rest = &after[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| unreadable("a parameter is not UTF-8"))
}

/// Whether a request has a form in its body.
fn has_form(parts: &Parts) -> Result<bool, Failure> {
    if !matches!(parts.method.as_str(), "POST" | "PUT" | "PATCH") {
        return Ok(false);
    }
    match media_type(&parts.headers) {
        "application/x-www-form-urlencoded" => Ok(true),
        "multipart/form-data" => Err(unreadable(
            "multipart/form-data is not supported; send application/x-www-form-urlencoded",
        )),
        _ => Ok(false),
    }
}

/// The content type without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let value = value.unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

impl FromRequest<Api> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let mut form = Self::default();
        if has_form(&parts)? {
            let read = to_bytes(body, api.options.form_bytes);
            let body = timeout(api.options.body_timeout, read).await;
            let body = body.map_err(|_| unreadable("the body did not arrive in time"))?;
            let body = body.map_err(|_| unreadable("http: POST too large"))?;
            let body = std::str::from_utf8(&body);
            form.read(body.map_err(|_| unreadable("the form is not UTF-8"))?)?;
        }
        form.read(parts.uri.query().unwrap_or_default())?;
        Ok(form)
    }
}

/// The parameters of the address alone.
#[derive(Debug)]
pub(crate) struct Address(pub(crate) Form);

impl FromRequestParts<Api> for Address {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Failure> {
        let mut form = Form::default();
        form.read(parts.uri.query().unwrap_or_default())?;
        Ok(Self(form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Form, Failure> {
        let mut form = Form::default();
        form.read(text)?;
        Ok(form)
    }

    #[test]
    fn names_are_repeated_and_values_decoded() {
        let form = read("match[]=up&match%5B%5D=a%7Bb%3D%22%C3%BC%22%7D&x=1+2&y&&z=").unwrap();
        let sets: Vec<_> = form.all("match[]").collect();
        assert_eq!(sets, ["up", "a{b=\"ü\"}"]);
        assert_eq!((form.first("x"), form.first("y")), ("1 2", ""));
        assert_eq!((form.first("z"), form.first("none")), ("", ""));
    }

    #[test]
    fn what_cannot_be_decoded_is_an_error() {
        for text in ["a=%", "a=%2", "a=%zz", "a=%+1", "%ff=1", "a=1;b=2"] {
            let message = read(text).unwrap_err().message;
            assert!(
                message.starts_with("error parsing form values: "),
                "{message}"
            );
        }
        assert!(read(&"a&".repeat(MAX_PARAMETERS)).is_ok());
        assert!(read(&"a&".repeat(MAX_PARAMETERS + 1)).is_err());
    }
}
