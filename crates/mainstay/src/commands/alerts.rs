//! `alerts` and `silence`: what fires, why somebody was told of it or not, and keeping it quiet.

use super::Context;
use super::token::segment;
use crate::arguments::{AlertsCommand, SilenceCommand, WhichAlerts};
use crate::failure::{Failure, Outcome};
use crate::operation;
use crate::render::alerts::{self, Amount, Fired, Listed, Shown};
use crate::render::metrics::Envelope;
use crate::render::quantity::now;
use mainstay_alert::engine::SilenceMatcher;
use mainstay_alert::matcher::parse_matchers;
use mainstay_model::Timestamp;
use mainstay_server::api::types::{
    AlertQuestion, AlertTouch, AlertWay, AlertsTouched, OnCallNow, ReceiverTest, ReceiverTested,
};
use serde_json::json;

const API: &str = "/alertmanager/api/v2";
const OWN: &str = "/api/v1/alerts";

pub async fn alerts(context: &Context, command: Option<AlertsCommand>) -> Outcome {
    match command.unwrap_or(AlertsCommand::List { check: false }) {
        AlertsCommand::List { check } => list(context, check).await,
        AlertsCommand::Why { which, at } => why(context, which, at.as_deref()).await,
        AlertsCommand::Ack { which, comment } => {
            touch(context, "acknowledge", "acknowledged", which, comment).await
        }
        AlertsCommand::Mute { which, comment } => {
            touch(context, "mute", "muted until it is over", which, comment).await
        }
        AlertsCommand::Unack { which } => {
            let words = "told again";
            touch(context, "take-back", words, which, String::new()).await
        }
        AlertsCommand::Test { receiver } => test(context, receiver).await,
    }
}

async fn list(context: &Context, check: bool) -> Outcome {
    let client = context.place(None)?.client()?;
    let rules: Envelope<alerts::RuleAlerts> = client.ask("/prometheus/api/v1/alerts").await?;
    let kept: Vec<Fired> = client.ask(&format!("{API}/alerts")).await?;
    let listed = Listed::of(rules.data.alerts, kept);
    context
        .output
        .either(&listed, |look| alerts::list(&listed, now(), look))?;
    if check && listed.is_anything_told() {
        return Err(Failure::quiet(1));
    }
    Ok(())
}

fn question(which: WhichAlerts, until: Option<Timestamp>) -> Outcome<AlertQuestion> {
    let pairs = which.labels.iter().map(|text| {
        let pair = text.split_once('=');
        let pair = pair.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()));
        pair.ok_or_else(|| {
            Failure::input(format!("`{text}` is no label with its value"))
                .hint("such as `service=api`")
        })
    });
    Ok(AlertQuestion {
        labels: pairs.collect::<Outcome<_>>()?,
        name: which.name,
        until,
    })
}

async fn why(context: &Context, which: WhichAlerts, at: Option<&str>) -> Outcome {
    let client = context.place(None)?.client()?;
    let until = at
        .map(|at| super::metrics::time(at).map(Timestamp::from_millis))
        .transpose()?;
    let name = which.name.clone();
    let question = question(which, until)?;
    let ways: Vec<AlertWay> = operation::mutate(&client, &format!("{OWN}/why"), &question).await?;
    if ways.is_empty() {
        return Err(Failure::input(format!("nothing is called `{name}` here"))
            .hint("`mainstay rules list` shows the rules, `mainstay alerts` what fires"));
    }
    context
        .output
        .either(&ways, |look| alerts::ways(&ways, look))
}

async fn touch(
    context: &Context,
    verb: &str,
    words: &str,
    which: WhichAlerts,
    comment: String,
) -> Outcome {
    let client = context.place(None)?.client()?;
    let said = AlertTouch {
        which: question(which, None)?,
        comment,
    };
    let touched: AlertsTouched =
        operation::mutate(&client, &format!("{OWN}/{verb}"), &said).await?;
    context.output.either(&touched, |_| {
        let lines = touched.alerts.iter();
        let lines: Vec<String> = lines
            .map(|labels| format!("{}: {words}", alerts::labelled(labels)))
            .collect();
        lines.join("\n")
    })
}

async fn test(context: &Context, receiver: String) -> Outcome {
    let client = context.place(None)?.client()?;
    let asked = ReceiverTest {
        receiver: receiver.clone(),
    };
    let tested: Vec<ReceiverTested> =
        operation::mutate(&client, &format!("{OWN}/test"), &asked).await?;
    context
        .output
        .either(&tested, |look| alerts::tested(&receiver, &tested, look))?;
    if tested.is_empty() || tested.iter().any(|one| one.error.is_some()) {
        return Err(Failure::quiet(1));
    }
    Ok(())
}

pub async fn on_call(context: &Context, at: Option<&str>) -> Outcome {
    let client = context.place(None)?.client()?;
    let at = at.map(super::metrics::time).transpose()?;
    let path = at.map_or_else(
        || "/api/v1/oncall".to_owned(),
        |at| format!("/api/v1/oncall?at={at}"),
    );
    let all: Vec<OnCallNow> = client.ask(&path).await?;
    context
        .output
        .either(&all, |look| alerts::on_call(&all, look))
}

pub async fn silence(context: &Context, command: SilenceCommand) -> Outcome {
    let client = context.place(None)?.client()?;
    match command {
        SilenceCommand::List { expired } => {
            let mut all: Vec<Shown> = client.ask(&format!("{API}/silences")).await?;
            if !expired {
                all.retain(|silence| silence.status.state != "expired");
            }
            context
                .output
                .either(&all, |look| alerts::silences(&all, now(), look))
        }
        SilenceCommand::Add {
            matchers,
            duration,
            start,
            comment,
        } => {
            let matchers = read_matchers(&matchers)?;
            let start = match start {
                Some(text) => Timestamp::from_millis(super::metrics::time(&text)?),
                None => now(),
            };
            let end = start + duration;
            let body = json!({
                "matchers": matchers,
                "startsAt": start.to_string(),
                "endsAt": end.to_string(),
                "createdBy": whoami(),
                "comment": comment,
            });
            let set: Amount = operation::mutate(&client, &format!("{API}/silences"), &body).await?;
            context
                .output
                .either(&set, |_| format!("silence {} holds until {end}", set.id))
        }
        SilenceCommand::Expire { ids } => {
            let all: Vec<Shown> = client.ask(&format!("{API}/silences")).await?;
            // All of them are known before one is ended.
            let found: Outcome<Vec<&Shown>> = ids.iter().map(|id| one_of(&all, id)).collect();
            for silence in found? {
                let path = format!("{API}/silence/{}", segment(&silence.id));
                let ended = client.delete(&path).await;
                ended.map_err(|error| client.explain(error))?;
                let words = format!("silence {} is over", silence.id);
                context.output.note(&words);
            }
            Ok(())
        }
    }
}

fn one_of<'a>(all: &'a [Shown], id: &str) -> Outcome<&'a Shown> {
    let mut found = all.iter().filter(|silence| silence.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(
            Failure::input(format!("several silences begin with `{id}`")).hint("write more of it"),
        ),
        (None, _) => Err(Failure::input(format!("no silence begins with `{id}`"))
            .hint("`mainstay silence list` shows them")),
    }
}

fn read_matchers(texts: &[String]) -> Outcome<Vec<SilenceMatcher>> {
    let mut matchers = Vec::new();
    for text in texts {
        let read = parse_matchers(text).map_err(|error| {
            Failure::input(format!("`{text}` is no matcher: {error}"))
                .hint("such as `alertname=Down`, `service!=db` or `service=~\"web|api\"`")
        })?;
        matchers.extend(read.iter().map(SilenceMatcher::of));
    }
    Ok(matchers)
}

/// Who the others see behind it.
fn whoami() -> String {
    let names = ["MAINSTAY_USER", "USER", "LOGNAME"];
    let found = names.iter().find_map(|name| std::env::var(name).ok());
    let found = found.filter(|name| !name.is_empty());
    found.unwrap_or_else(|| "mainstay".to_owned())
}
