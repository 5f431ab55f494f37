//! `alerts` and `silence`: what fires, why somebody was told of it or not, and keeping it quiet.

use super::Context;
use super::token::segment;
use crate::arguments::{AlertsCommand, SilenceCommand, WhichAlerts};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::operation;
use crate::render::alerts::{self, Amount, Fired, Listed, Shown};
use crate::render::metrics::Envelope;
use crate::render::quantity::now;
use mainstay_alert::beyond::Recurring;
use mainstay_alert::engine::SilenceMatcher;
use mainstay_alert::matcher::parse_matchers;
use mainstay_model::Timestamp;
use mainstay_server::api::types::{
    AlertQuestion, AlertTouch, AlertWay, AlertsTouched, OnCallNow, ReceiverTest, ReceiverTested,
};
use serde_json::json;

const API: &str = "/alertmanager/api/v2";
const OWN: &str = "/api/v1/alerts";
const RECURRING: &str = "/api/v1/silences/recurring";

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
            let weekly: Vec<Recurring> = client.ask(RECURRING).await?;
            let both = json!({"silences": all, "weekly": weekly});
            context
                .output
                .either(&both, |look| alerts::silences(&all, &weekly, now(), look))
        }
        SilenceCommand::Add {
            matchers,
            weekly: Some(times),
            zone,
            until,
            comment,
            ..
        } => {
            let (weekdays, from, to) = weekly(&times)?;
            let until = until.as_deref().map(super::metrics::time).transpose()?;
            let asked = Recurring {
                id: String::new(),
                matchers: read_matchers(&matchers)?,
                weekdays,
                from,
                to,
                zone,
                created_by: whoami(),
                comment,
                until: until.map(Timestamp::from_millis),
            };
            let set: Recurring = operation::mutate(&client, RECURRING, &asked).await?;
            context
                .output
                .either(&set, |_| format!("silence {} holds each week", set.id))
        }
        SilenceCommand::Add {
            matchers,
            duration,
            start,
            comment,
            ..
        } => {
            let start = match start {
                Some(text) => Timestamp::from_millis(super::metrics::time(&text)?),
                None => now(),
            };
            let end = start + duration;
            let body = json!({
                "matchers": read_matchers(&matchers)?,
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
        SilenceCommand::Expire { ids } => expire(context, &client, &ids).await,
    }
}

/// All of them are known before one is ended.
async fn expire(context: &Context, client: &Client, ids: &[String]) -> Outcome {
    let all: Vec<Shown> = client.ask(&format!("{API}/silences")).await?;
    let weekly: Vec<Recurring> = client.ask(RECURRING).await?;
    let once = all.iter();
    let once = once.map(|one| {
        (
            one.id.clone(),
            format!("{API}/silence/{}", segment(&one.id)),
        )
    });
    let again = weekly.iter();
    let again = again.map(|one| (one.id.clone(), format!("{RECURRING}/{}", segment(&one.id))));
    let known: Vec<(String, String)> = once.chain(again).collect();
    let found: Outcome<Vec<_>> = ids.iter().map(|id| one_of(&known, id)).collect();
    for (id, path) in found? {
        let ended = client.delete(path).await;
        ended.map_err(|error| client.explain(error))?;
        context.output.note(&format!("silence {id} is over"));
    }
    Ok(())
}

/// `sat,sun 22:00-06:00`: days (0 is Sunday; none is every day), from, to.
fn weekly(times: &str) -> Outcome<(Vec<u8>, String, String)> {
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let wrong = || {
        Failure::input(format!("`{times}` is no time of a week"))
            .hint("such as `sat,sun 22:00-06:00`, or `02:00-04:00` for every day")
    };
    let (days, hours) = times.trim().rsplit_once(' ').unwrap_or(("", times.trim()));
    let days = days.split(',').map(str::trim).filter(|day| !day.is_empty());
    let days = days.map(|day| {
        let number = DAYS
            .iter()
            .position(|known| day.eq_ignore_ascii_case(known));
        number.map(|number| number as u8).ok_or_else(wrong)
    });
    let (from, to) = hours.split_once('-').ok_or_else(wrong)?;
    Ok((
        days.collect::<Outcome<_>>()?,
        from.to_owned(),
        to.to_owned(),
    ))
}

/// Its id, and where it is ended.
fn one_of<'a>(all: &'a [(String, String)], id: &str) -> Outcome<&'a (String, String)> {
    let mut found = all.iter().filter(|(known, _)| known.starts_with(id));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_week_are_read_or_refused() {
        let both = (vec![6, 0], "22:00".to_owned(), "06:00".to_owned());
        assert_eq!(weekly("sat, SUN 22:00-06:00").unwrap(), both);
        assert_eq!(weekly("02:00-04:00").unwrap().0, Vec::<u8>::new());
        for wrong in ["", "sat", "sat 22:00", "samstag 22:00-23:00"] {
            assert!(weekly(wrong).is_err(), "{wrong}");
        }
    }
}
