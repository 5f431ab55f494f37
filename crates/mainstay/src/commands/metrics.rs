//! `query`, `targets`, `metrics`: what Prometheus's API answers, for people.

use super::Context;
use super::token::segment;
use crate::arguments::{MetricsCommand, QueryArguments, TargetsArguments};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::render::chart::{self, Frame};
use crate::render::metrics::{self, Answer, Envelope, Room, Targets};
use crate::render::quantity::{count, now};
use mainstay_server::api::types::Backfilled;
use std::path::Path;
use std::time::Duration;

pub(super) const API: &str = "/prometheus/api/v1";

pub async fn query(context: &Context, arguments: &QueryArguments) -> Outcome {
    let client = context.place(None)?.client()?;
    let expression = segment(&arguments.expression);
    let Some(range) = arguments.range else {
        let time = seconds(end_of(arguments.at.as_deref())?);
        let path = format!("{API}/query?query={expression}&time={time}");
        let found: Envelope<Answer> = client.ask(&path).await?;
        warn(context, &found);
        return context
            .output
            .either(&found.data, |look| metrics::answer(&found.data, look));
    };
    let end_ms = end_of(arguments.at.as_deref())?;
    let start_ms = end_ms - range.as_millis() as i64;
    let look = context.output.look;
    let step = arguments
        .step
        .unwrap_or_else(|| fitting(range, chart::steps(look)));
    if step.is_zero() {
        return Err(Failure::input("`--step` is zero").hint("such as --step 15s"));
    }
    let path = format!(
        "{API}/query_range?query={expression}&start={}&end={}&step={}",
        seconds(start_ms),
        seconds(end_ms),
        step.as_secs_f64()
    );
    let found: Envelope<Answer> = client.ask(&path).await?;
    warn(context, &found);
    let frame = Frame {
        start_ms,
        end_ms,
        gap_ms: step.as_millis() as i64 * 3 / 2,
    };
    context
        .output
        .either(&found.data, |look| match &found.data {
            Answer::Matrix(rows) if !arguments.table => metrics::drawn(rows, frame, look),
            other => metrics::answer(other, look),
        })
}

pub async fn targets(context: &Context, arguments: &TargetsArguments) -> Outcome {
    let client = context.place(None)?.client()?;
    let path = format!("{API}/targets?state=active");
    let found: Envelope<Targets> = client.ask(&path).await?;
    let mut targets = found.data.active_targets;
    if arguments.down {
        targets.retain(|target| target.health == "down");
        if targets.is_empty() {
            return context
                .output
                .either(&targets, |_| "every target answers".to_owned());
        }
    }
    context
        .output
        .either(&targets, |look| metrics::targets(&targets, now(), look))?;
    if arguments.down {
        return Err(Failure::quiet(1));
    }
    Ok(())
}

pub async fn metrics(context: &Context, command: &MetricsCommand) -> Outcome {
    let client = context.place(None)?.client()?;
    let limit = match command {
        MetricsCommand::Top { limit } => limit,
        MetricsCommand::Backfill { file } => return backfill(context, &client, file).await,
    };
    let path = format!("{API}/status/tsdb?limit={limit}");
    let found: Envelope<Room> = client.ask(&path).await?;
    context
        .output
        .either(&found.data, |look| metrics::room(&found.data, look))
}

/// What the query engine wants to be known of the answer.
fn warn(context: &Context, found: &Envelope<Answer>) {
    for text in found.warnings.iter().chain(&found.infos) {
        context.output.warning(text);
    }
}

fn end_of(at: Option<&str>) -> Outcome<i64> {
    at.map_or_else(|| Ok(now().as_millis()), time)
}

/// Milliseconds since the epoch, of RFC 3339 or seconds.
pub(super) fn time(at: &str) -> Outcome<i64> {
    let seconds = at.parse::<f64>().ok().filter(|at| at.is_finite());
    let seconds = seconds.map(|at| (at * 1_000.0) as i64);
    let dated = || {
        at.parse::<jiff::Timestamp>()
            .ok()
            .map(jiff::Timestamp::as_millisecond)
    };
    seconds.or_else(dated).ok_or_else(|| {
        Failure::input(format!("`{at}` is no time"))
            .hint("write 2026-11-27T12:00:00Z, or seconds since the epoch")
    })
}

/// So that the chart is filled, in whole seconds where there are any.
fn fitting(range: Duration, steps: usize) -> Duration {
    let step = range / u32::try_from(steps.max(1)).unwrap_or(u32::MAX);
    let whole = Duration::from_secs(step.as_secs() + u64::from(step.subsec_nanos() > 0));
    whole.max(Duration::from_secs(1))
}

pub(super) fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1_000), ms.rem_euclid(1_000))
}

async fn backfill(context: &Context, client: &Client, file: &Path) -> Outcome {
    let shown = file.display();
    let text = tokio::fs::read(file)
        .await
        .map_err(|error| Failure::input(format!("cannot read `{shown}`")).because(&error))?;
    let written = client.post_text("/api/v1/metrics/backfill", text).await;
    let written: Backfilled = written.map_err(|error| client.explain(error))?;
    context.output.either(&written, |_| {
        format!(
            "{} in {}",
            count(written.samples as usize, "sample"),
            count(written.blocks, "block")
        )
    })
}
