//! A successful answer.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::failure::Failure;
use crate::json::Json;

/// The most warnings and infos that are named.
const MAX_ANNOTATIONS: usize = 10;

/// JSON, or nothing to say.
#[derive(Debug)]
pub(crate) enum Reply {
    Json(Vec<u8>),
    NoContent,
}

/// What a handler gives back.
pub(crate) type Answered = Result<Reply, Failure>;

impl Reply {
    /// Data without anything to say about it.
    pub(crate) fn data(write: impl FnOnce(&mut Json)) -> Self {
        Self::with(&[], &[], write)
    }

    /// Data that was perhaps cut off.
    pub(crate) fn truncated(cut: bool, write: impl FnOnce(&mut Json)) -> Self {
        let warnings = [crate::params::TRUNCATED.to_owned()];
        Self::with(if cut { &warnings } else { &[] }, &[], write)
    }

    /// Data with warnings and infos.
    pub(crate) fn with(
        warnings: &[String],
        infos: &[String],
        write: impl FnOnce(&mut Json),
    ) -> Self {
        let mut json = Json::default();
        json.open('{').key("status").text("success");
        json.key("data");
        write(&mut json);
        annotations(&mut json, "warnings", "warning", warnings);
        annotations(&mut json, "infos", "info", infos);
        json.close('}');
        Self::Json(json.into_bytes())
    }
}

fn annotations(json: &mut Json, name: &str, kind: &str, texts: &[String]) {
    if texts.is_empty() {
        return;
    }
    json.key(name).open('[');
    for text in texts.iter().take(MAX_ANNOTATIONS) {
        json.text(text);
    }
    let more = texts.len().saturating_sub(MAX_ANNOTATIONS);
    if more > 0 {
        json.text(&format!("{more} more {kind} annotations omitted"));
    }
    json.close(']');
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Json(body) => {
                ([(header::CONTENT_TYPE, "application/json")], body).into_response()
            }
            Self::NoContent => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_annotations_are_named() {
        let texts: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        let Reply::Json(body) = Reply::with(&texts, &[], |json| _ = json.integer(1)) else {
            panic!("no content")
        };
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["warnings"].as_array().unwrap().len(), 11);
        assert_eq!(body["warnings"][10], "2 more warning annotations omitted");
        assert!(body.get("infos").is_none());
    }
}
