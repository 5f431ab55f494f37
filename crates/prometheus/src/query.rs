//! `query`, `query_range`, `format_query`, `parse_query`.

use std::time::{Duration, Instant};

use axum::extract::State;
use mainstay_promql::ast::ValueType;
use mainstay_promql::{Answer, Engine, Query, Stats, Value};
use mainstay_series::{Labels, Samples};

use crate::failure::Failure;
use crate::form::Form;
use crate::json::Json;
use crate::params::{self, TRUNCATED};
use crate::pool::Ticket;
use crate::reply::{Answered, Reply};
use crate::routes::Api;
use crate::time;

/// The most steps of a range query, the first not counted.
const MAX_STEPS: i128 = 11_000;

pub(crate) const RESOLUTION: &str = "exceeded maximum resolution of 11,000 points per timeseries. \
Try decreasing the query resolution (?step=XX)";

/// When a query is evaluated.
#[derive(Debug, Clone, Copy)]
enum When {
    At(i64),
    /// From, to, each.
    Range(i64, i64, i64),
}

/// What `query` and `query_range` have in common.
#[derive(Debug)]
struct Asked {
    when: When,
    query: Query,
    limit: usize,
    timeout: Duration,
    lookback_ms: Option<i64>,
    stats: String,
}

pub(crate) async fn instant(State(api): State<Api>, form: Form) -> Answered {
    let limit = params::limit(&form)?;
    let at = params::time_or(&form, "time", time::now_ms())?;
    answer(&api, asked(&api, &form, When::At(at), limit)?).await
}

pub(crate) async fn range(State(api): State<Api>, form: Form) -> Answered {
    let limit = params::limit(&form)?;
    let when = grid(&form)?;
    answer(&api, asked(&api, &form, when, limit)?).await
}

pub(crate) async fn format(State(api): State<Api>, form: Form) -> Answered {
    let query = parsed(&api, &form)?;
    Ok(Reply::data(|json| _ = json.text(&query.pretty())))
}

pub(crate) async fn parse(State(api): State<Api>, form: Form) -> Answered {
    let query = parsed(&api, &form)?;
    Ok(Reply::data(|json| _ = json.serde(&query.json())))
}

fn parsed(api: &Api, form: &Form) -> Result<Query, Failure> {
    let text = form.first("query");
    let query = if api.options.experimental_functions {
        Query::parse_experimental(text)
    } else {
        Query::parse(text)
    };
    query.map_err(|error| Failure::parameter("query", error))
}

/// `start`, `end` and `step`.
fn grid(form: &Form) -> Result<When, Failure> {
    let time = |name| {
        time::parse_time(form.first(name)).map_err(|reason| Failure::parameter(name, reason))
    };
    let (start, end) = (time("start")?, time("end")?);
    if end < start {
        let reason = "end timestamp must not be before start time";
        return Err(Failure::parameter("end", reason));
    }
    let nanos = time::parse_duration(form.first("step"))
        .map_err(|reason| Failure::parameter("step", reason))?;
    let step = nanos / 1_000_000;
    if step <= 0 {
        let reason = "zero or negative query resolution step widths are not accepted. \
                      Try a positive integer";
        return Err(Failure::parameter("step", reason));
    }
    if (i128::from(end) - i128::from(start)) * 1_000_000 / i128::from(nanos) > MAX_STEPS {
        return Err(Failure::bad_data(RESOLUTION));
    }
    Ok(When::Range(start, end, step))
}

fn asked(api: &Api, form: &Form, when: When, limit: usize) -> Result<Asked, Failure> {
    let timeout = match form.first("timeout") {
        "" => api.options.timeout,
        text => {
            let nanos = time::parse_duration(text)
                .map_err(|reason| Failure::parameter("timeout", reason))?;
            Duration::from_nanos(nanos.max(0).unsigned_abs()).min(api.options.timeout)
        }
    };
    let lookback_ms = match form.first("lookback_delta") {
        "" => None,
        text => {
            let nanos = time::parse_duration(text).map_err(|reason| {
                Failure::bad_data(format!("error parsing lookback delta duration: {reason}"))
            })?;
            Some(nanos / 1_000_000).filter(|ms| *ms > 0)
        }
    };
    let query = parsed(api, form)?;
    if matches!(when, When::Range(..)) {
        has_a_range(query.value_type())?;
    }
    Ok(Asked {
        when,
        query,
        limit,
        timeout,
        lookback_ms,
        stats: form.first("stats").to_owned(),
    })
}

/// Only scalars and instant vectors can be evaluated over a range.
fn has_a_range(kind: ValueType) -> Result<(), Failure> {
    let kind = match kind {
        ValueType::Scalar | ValueType::Vector => return Ok(()),
        ValueType::Matrix => "range vector",
        ValueType::String => "string",
    };
    let reason = format!(
        "invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector"
    );
    Err(Failure::parameter("query", reason))
}

async fn answer(api: &Api, asked: Asked) -> Answered {
    let storage = api.sources.storage.clone();
    let timeout = asked.timeout;
    let mut options = api.options.engine.clone();
    options.max_steps = options.max_steps.max(MAX_STEPS as usize + 1);
    options.lookback_ms = asked.lookback_ms.unwrap_or(options.lookback_ms);
    let work = move |ticket: &Ticket| {
        let begun = Instant::now();
        let engine = Engine::new(options);
        let check = || ticket.check();
        let answer = match asked.when {
            When::At(at) => engine.instant(&*storage, &asked.query, at, &check),
            When::Range(start, end, step) => {
                engine.range(&*storage, &asked.query, (start, end, step), &check)
            }
        }?;
        let times = (ticket.queued, begun.elapsed());
        Ok(written(answer, asked.limit, &asked.stats, times))
    };
    api.queries.run(timeout, work).await
}

/// How long a query waited and how long it took.
type Times = (Duration, Duration);

fn written(mut answer: Answer, limit: usize, stats: &str, times: Times) -> Reply {
    if truncate(&mut answer.value, limit) {
        answer.warnings.push(TRUNCATED.to_owned());
    }
    if !matches!(stats, "" | "true" | "all") {
        answer.warnings.push(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major \
             release, use \"true\" or \"all\"",
            time::quoted(stats)
        ));
    }
    let (value, counted) = (answer.value, answer.stats);
    Reply::with(&answer.warnings, &answer.infos, |json| {
        json.open('{');
        json.key("resultType").text(value.value_type().as_str());
        json.key("result");
        write_value(json, value);
        if !stats.is_empty() {
            write_stats(json, counted, times);
        }
        json.close('}');
    })
}

fn truncate(value: &mut Value, limit: usize) -> bool {
    let most = if limit == 0 { usize::MAX } else { limit };
    match value {
        Value::Vector { samples, .. } if samples.len() > most => samples.truncate(most),
        Value::Matrix(matrix) if matrix.len() > most => matrix.truncate(most),
        _ => return false,
    }
    true
}

fn write_value(json: &mut Json, value: Value) {
    match value {
        Value::Scalar { time_ms, value } => {
            json.open('[').time(time_ms).scalar(value).close(']');
        }
        Value::String { time_ms, value } => {
            json.open('[').time(time_ms).text(&value).close(']');
        }
        Value::Vector { time_ms, samples } => {
            json.open('[');
            for (labels, value) in samples {
                json.open('{').key("metric").labels(&labels);
                json.key("value").point(time_ms, value).close('}');
            }
            json.close(']');
        }
        Value::Matrix(matrix) => write_matrix(json, matrix),
    }
}

/// Each series is let go of once it is written: the text is larger than the samples are.
fn write_matrix(json: &mut Json, matrix: Vec<(Labels, Samples)>) {
    json.open('[');
    for (labels, samples) in matrix {
        json.open('{').key("metric").labels(&labels);
        json.key("values").points(&samples).close('}');
    }
    json.close(']');
}

/// Times that are not told apart here are 0, and every sample is counted once, however many windows
/// it lies in.
fn write_stats(json: &mut Json, stats: Stats, (queued, took): Times) {
    let samples = stats.samples as i64;
    json.key("stats").open('{').key("timings").open('{');
    json.key("evalTotalTime").number(took.as_secs_f64());
    json.key("resultSortTime").number(0.0);
    json.key("queryPreparationTime").number(0.0);
    json.key("innerEvalTime").number(took.as_secs_f64());
    json.key("execQueueTime").number(queued.as_secs_f64());
    json.key("execTotalTime")
        .number((queued + took).as_secs_f64());
    json.close('}').key("samples").open('{');
    json.key("totalQueryableSamples").integer(samples);
    json.key("samplesRead").integer(samples);
    json.key("peakSamples").integer(stats.peak_samples as i64);
    json.close('}').close('}');
}
