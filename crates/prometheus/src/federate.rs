//! `/federate`: the newest sample of each selected series, in the text format.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mainstay_series::{
    Labels, METRIC_NAME, Matcher, Samples, Selection, Storage, Window, is_legacy_label_name,
    is_legacy_metric_name, is_stale,
};

use crate::escape::underscored;
use crate::failure::{Failure, Kind, PlainError};
use crate::form::Address;
use crate::params;
use crate::pool::Ticket;
use crate::routes::Api;
use crate::time;
use mainstay_promql::number;

pub(crate) async fn federate(
    State(api): State<Api>,
    headers: HeaderMap,
    Address(form): Address,
) -> Result<Response, PlainError> {
    let sets: Vec<_> = form
        .all("match[]")
        .map(params::selector)
        .collect::<Result<_, _>>()
        .map_err(|reason| PlainError::new(StatusCode::BAD_REQUEST, reason))?;
    let now_ms = time::now_ms();
    let window = Window {
        start_ms: now_ms - api.options.engine.lookback_ms,
        end_ms: now_ms,
    };
    let names = Names::asked(&headers);
    let storage = api.sources.storage.clone();
    let external = api.sources.status.external_labels();
    let work = move |ticket: &Ticket| {
        let newest = newest(&*storage, &sets, window, ticket)?;
        Ok(text(&newest, &external, names))
    };
    let text = api.lookups.run(api.options.timeout, work).await?;
    let kind = match names {
        Names::Any => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        Names::Classic => "text/plain; version=0.0.4; charset=utf-8",
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Which names the reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Any,
    /// Others with underscores.
    Classic,
}

impl Names {
    fn asked(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter();
        let mut accepted = accepted.filter_map(|value| value.to_str().ok());
        let any = accepted.any(|value| {
            let mut kinds = value.split(',').map(str::trim);
            kinds
                .any(|kind| kind.starts_with("text/plain") && kind.contains("escaping=allow-utf-8"))
        });
        if any { Self::Any } else { Self::Classic }
    }
}

/// The newest sample of a series.
type Newest = (Labels, i64, f64);

/// Ordered by name, then by labels; each series once; ended ones left out.
fn newest(
    storage: &dyn Storage,
    sets: &[Vec<Matcher>],
    window: Window,
    ticket: &Ticket,
) -> Result<Vec<Newest>, Failure> {
    let mut found: Vec<Newest> = Vec::new();
    let mut samples = Samples::default();
    // A selector without any matcher meets nothing, as in Prometheus.
    for set in sets.iter().filter(|set| !set.is_empty()) {
        let read =
            |error: mainstay_series::StorageError| Failure::new(Kind::Internal, error.to_string());
        for series in storage.select(&Selection::new(set, window)).map_err(read)? {
            ticket.go_on()?;
            samples.clear();
            series.read(window, &mut samples).map_err(read)?;
            let newest = samples.times.last().zip(samples.values.last());
            if let Some((time_ms, value)) = newest.filter(|(_, value)| !is_stale(**value)) {
                found.push((series.labels().clone(), *time_ms, *value));
            }
        }
    }
    let by = |labels: &Labels| {
        (
            labels.metric().unwrap_or_default().to_owned(),
            labels.clone(),
        )
    };
    found.sort_by_cached_key(|(labels, ..)| by(labels));
    found.dedup_by(|(a, ..), (b, ..)| a == b);
    Ok(found)
}

fn text(newest: &[Newest], external: &Labels, names: Names) -> Vec<u8> {
    let mut text = Vec::new();
    let mut last = None;
    for (labels, time_ms, value) in newest {
        // A series without a name cannot stand in this format.
        let Some(metric) = labels.metric() else {
            continue;
        };
        if last != Some(metric) {
            last = Some(metric);
            text.extend_from_slice(b"# TYPE ");
            text.extend_from_slice(shown_metric(metric, names).as_bytes());
            text.extend_from_slice(b" untyped\n");
        }
        text.extend_from_slice(series(metric, labels, external, names).as_bytes());
        text.push(b' ');
        number::general(&mut text, *value);
        text.push(b' ');
        number::integer(&mut text, *time_ms);
        text.push(b'\n');
    }
    text
}

fn shown_metric(metric: &str, names: Names) -> String {
    match names {
        _ if is_legacy_metric_name(metric) => metric.to_owned(),
        Names::Any => quoted(metric),
        Names::Classic => underscored(metric, true),
    }
}

/// The series with the external labels that it has not, and with an empty `instance` where it has
/// none: else whoever scrapes this would put its own there.
fn series(metric: &str, labels: &Labels, external: &Labels, names: Names) -> String {
    let own = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
    let added = external
        .iter()
        .filter(|(name, _)| labels.get(name).is_none());
    let mut pairs: Vec<(&str, &str)> = own.chain(added).collect();
    if labels.get("instance").is_none() && external.get("instance").is_none() {
        pairs.push(("instance", ""));
    }
    let pairs = pairs.into_iter().map(|(name, value)| {
        let name = match names {
            _ if is_legacy_label_name(name) => name.to_owned(),
            Names::Any => quoted(name),
            Names::Classic => underscored(name, false),
        };
        format!("{name}={}", quoted(value))
    });
    let (before, first) = match (is_legacy_metric_name(metric), names) {
        (false, Names::Any) => (String::new(), Some(quoted(metric))),
        _ => (shown_metric(metric, names), None),
    };
    let all: Vec<String> = first.into_iter().chain(pairs).collect();
    format!("{before}{{{}}}", all.join(","))
}

/// As the text format escapes: backslash, quote and line feed.
fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_stand_under_their_name_with_the_external_labels() {
        let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let newest = [
            (of(&[("job", "nameless")]), 1, 1.0),
            (
                of(&[("__name__", "a"), ("instance", "x"), ("q", "\"\\\n")]),
                5,
                0.00005,
            ),
            (
                of(&[("__name__", "a"), ("region", "own")]),
                6,
                f64::INFINITY,
            ),
            (of(&[("__name__", "http.x"), ("k8s.pod", "p")]), 7, -0.0),
        ];
        let external = of(&[("region", "eu")]);
        let shown = |names| String::from_utf8(text(&newest, &external, names)).unwrap();
        assert_eq!(
            shown(Names::Any),
            "# TYPE a untyped\n\
             a{instance=\"x\",q=\"\\\"\\\\\\n\",region=\"eu\"} 5e-05 5\n\
             a{region=\"own\",instance=\"\"} +Inf 6\n\
             # TYPE \"http.x\" untyped\n\
             {\"http.x\",\"k8s.pod\"=\"p\",region=\"eu\",instance=\"\"} -0 7\n"
        );
        assert!(shown(Names::Classic).contains(
            "# TYPE http_x untyped\nhttp_x{k8s_pod=\"p\",region=\"eu\",instance=\"\"} -0 7\n"
        ));
    }
}
