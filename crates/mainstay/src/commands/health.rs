//! `health`: asks for what the checks want, lets them be judged, and shows it: once, again and again, or as a report.

use super::Context;
use super::metrics::{API, seconds};
use super::token::segment;
use crate::arguments::HealthArguments;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::render;
use crate::render::metrics::{Answer as Found, Envelope};
use crate::render::quantity::now;
use mainstay_health::{Answer, Answers, Plan, Report, Row, judge, profile, profiles, queries};
use mainstay_model::{Scope, Timestamp, did_you_mean};
use std::path::Path;

pub async fn health(context: &Context, arguments: &HealthArguments) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    let plan = plan(arguments, &scope)?;
    if arguments.continuous {
        return again_and_again(context, arguments, &client, &plan, &scope).await;
    }
    let report = look(&client, &plan, &scope).await?;
    keep(arguments.report.as_deref(), &report)?;
    context
        .output
        .either(&report, |look| render::health::report(&report, look))?;
    if report.is_healthy() {
        return Ok(());
    }
    Err(Failure::quiet(1))
}

/// Until somebody ends it. A server that is away is said, and waited for.
async fn again_and_again(
    context: &Context,
    arguments: &HealthArguments,
    client: &Client,
    plan: &Plan,
    scope: &Scope,
) -> Outcome {
    let mut ticks = tokio::time::interval(arguments.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let report = match look(client, plan, scope).await {
            Ok(report) => report,
            Err(failure) => {
                context.output.warning(&format!("{}: {failure}", now()));
                continue;
            }
        };
        keep(arguments.report.as_deref(), &report)?;
        if context.output.json {
            context.output.object(&report)?;
        } else {
            context
                .output
                .data(&render::health::line(&report, context.output.look))?;
        }
    }
}

fn plan(arguments: &HealthArguments, scope: &Scope) -> Outcome<Plan> {
    let chosen = match &arguments.profile {
        Some(name) => profile(name).ok_or_else(|| unknown(name))?,
        None => profile(scope.stack.as_str()).unwrap_or(&profiles()[0]),
    };
    let mut plan = Plan::new(chosen);
    for text in &arguments.thresholds {
        plan.change(text)
            .map_err(|error| Failure::input(format!("--threshold: {error}")))?;
    }
    Ok(plan)
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = profiles().iter().map(|profile| profile.name).collect();
    let near = did_you_mean(name, names.iter().copied());
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of {}", names.join(", ")),
    };
    Failure::input(format!("no such profile: `{name}`")).hint(hint)
}

/// Asks everything at one time.
async fn look(client: &Client, plan: &Plan, scope: &Scope) -> Outcome<Report> {
    let at = now();
    // Whether there is anybody to ask: what fails after this is one query alone.
    let _: Envelope<Found> = client.ask(&path("vector(1)", at)).await?;
    let mut answers = Answers {
        at,
        rows: std::collections::BTreeMap::new(),
    };
    for query in queries(plan, scope) {
        let found: Outcome<Envelope<Found>> = client.ask(&path(&query.expression, at)).await;
        let answer = match found {
            Ok(found) => rows(found.data),
            Err(failure) => Answer::Failed(failure.to_string()),
        };
        answers.rows.insert(query.id, answer);
    }
    Ok(judge(plan, scope, &answers, now()))
}

fn path(expression: &str, at: Timestamp) -> String {
    format!(
        "{API}/query?query={}&time={}",
        segment(expression),
        seconds(at.as_millis())
    )
}

fn rows(found: Found) -> Answer {
    let Found::Vector(found) = found else {
        return Answer::Failed("the answer is no vector".to_owned());
    };
    let rows = found.into_iter().filter_map(|row| {
        Some(Row {
            labels: row.metric,
            value: row.value.1.parse().ok()?,
        })
    });
    Answer::Rows(rows.collect())
}

/// Beside the old report first, so that nobody reads half of one.
fn keep(file: Option<&Path>, report: &Report) -> Outcome {
    let Some(file) = file else { return Ok(()) };
    let error = |error: std::io::Error| {
        Failure::environment(format!("cannot write `{}`", file.display())).because(&error)
    };
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, report.markdown()).map_err(error)?;
    std::fs::rename(&beside, file).map_err(error)
}
