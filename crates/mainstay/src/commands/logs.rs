//! `logs`: what the services print.

use super::Context;
use crate::arguments::LogsArguments;
use crate::client::{Client, Patience, Stream};
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupts;
use crate::locate::path;
use crate::output::Output;
use crate::render::history::log_prefix;
use crate::render::quantity::now;
use mainstay_model::{InstanceId, Scope, ServiceName, Timestamp, did_you_mean, parse_duration};
use mainstay_server::api::types::{EnvironmentStatus, LogLine};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Of each instance, where neither `--tail` nor `--since` was given.
const TAIL: u32 = 100;

pub async fn logs(context: &Context, arguments: &LogsArguments) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    let since = arguments
        .since
        .as_deref()
        .map(|text| since(text, now()))
        .transpose()?;
    let status: EnvironmentStatus = client.ask(&path(&scope, "")).await?;
    let wanted = Wanted::new(&arguments.subjects, &status)?;
    let default_tail = since.is_none().then_some(TAIL);
    let selection = Selection {
        scope,
        wanted,
        tail: arguments.tail.or(default_tail),
        since,
        follow: arguments.follow,
    };
    let mut printer = Printer::new(context.output, &status, arguments.timestamps);
    stream(&client, selection, &mut printer, None).await
}

/// Which lines.
#[derive(Debug, Clone)]
pub struct Selection {
    pub scope: Scope,
    pub wanted: Wanted,
    pub tail: Option<u32>,
    pub since: Option<Timestamp>,
    pub follow: bool,
}

/// Of whom; both empty: of everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    services: Vec<ServiceName>,
    instances: Vec<InstanceId>,
}

impl Wanted {
    /// Names as typed, checked against what there is.
    pub fn new(subjects: &[String], status: &EnvironmentStatus) -> Outcome<Self> {
        let mut wanted = Self::default();
        for subject in subjects {
            let service = status.services.iter().find(|s| s.name.as_str() == subject);
            // An instance that is gone may still have its log.
            match (service, subject.parse()) {
                (Some(service), _) => wanted.services.push(service.name.clone()),
                (None, Ok(instance)) => wanted.instances.push(instance),
                (None, Err(_)) => return Err(unknown(subject, status)),
            }
        }
        Ok(wanted)
    }

    fn includes(&self, id: &InstanceId) -> bool {
        (self.services.is_empty() && self.instances.is_empty())
            || self.services.contains(&id.service)
            || self.instances.contains(id)
    }

    /// As much of it as one question to the server can say; [`includes`](Self::includes) does the
    /// rest.
    fn query(&self) -> String {
        match (self.services.as_slice(), self.instances.as_slice()) {
            ([], [one]) => format!("&instance={one}"),
            (services @ [_, ..], []) => {
                let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
                format!("&service={}", names.join(","))
            }
            _ => String::new(),
        }
    }
}

fn unknown(subject: &str, status: &EnvironmentStatus) -> Failure {
    let names: Vec<&str> = status.services.iter().map(|s| s.name.as_str()).collect();
    let hint = match did_you_mean(subject, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("there is {}", names.join(", ")),
    };
    Failure::input(format!(
        "no service or instance `{subject}` in {}",
        status.scope
    ))
    .hint(hint)
}

/// `10m` before `now`, or a time of RFC 3339.
fn since(text: &str, now: Timestamp) -> Outcome<Timestamp> {
    if let Ok(duration) = parse_duration(text) {
        let back = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_millis(now.as_millis().saturating_sub(back)));
    }
    text.parse::<jiff::Timestamp>()
        .map(|time| Timestamp::from_millis(time.as_millisecond()))
        .map_err(|_| {
            Failure::input(format!("`{text}` is not a time"))
                .hint("give a duration such as `10m`, or a time such as `2026-01-31T12:00:00Z`")
        })
}

/// Prints until the end, or until an interrupt where one is watched for.
pub async fn stream(
    client: &Client,
    selection: Selection,
    printer: &mut Printer,
    mut interrupts: Option<&mut Interrupts>,
) -> Outcome {
    let patience = if selection.follow {
        Patience::RESTART
    } else {
        Patience::None
    };
    let seen = RefCell::new(Seen::default());
    let mut past = Past::new(!selection.follow);
    let mut messages = Stream::new(client, patience, |_| {
        query(&selection, seen.borrow_mut().resume())
    });
    loop {
        let message = match &mut interrupts {
            None => messages.next().await,
            Some(interrupts) => tokio::select! {
                message = messages.next() => message,
                () = interrupts.next() => return Ok(()),
            },
        };
        let Some(message) = message else {
            return past.rest(printer);
        };
        let message = message.map_err(|error| client.explain(error))?;
        let Ok(line) = serde_json::from_str::<LogLine>(&message.data) else {
            continue;
        };
        if selection.wanted.includes(&line.instance) && seen.borrow_mut().is_new(&line) {
            past.take(line, printer)?;
        }
    }
}

/// Lines of several instances in the order of their times, where they all have been printed
/// already; they arrive instance by instance.
#[derive(Debug)]
struct Past {
    sorts: bool,
    lines: Vec<LogLine>,
}

impl Past {
    /// Beyond it, lines go out as they come.
    const MOST: usize = 200_000;

    fn new(sorts: bool) -> Self {
        Self {
            sorts,
            lines: Vec::new(),
        }
    }

    fn take(&mut self, line: LogLine, printer: &mut Printer) -> Outcome {
        if !self.sorts {
            return printer.print(&line);
        }
        self.lines.push(line);
        if self.lines.len() < Self::MOST {
            return Ok(());
        }
        self.sorts = false;
        self.rest(printer)
    }

    fn rest(&mut self, printer: &mut Printer) -> Outcome {
        // Stable: lines of one instance keep their order within a millisecond.
        self.lines.sort_by_key(|line| line.time);
        self.lines
            .drain(..)
            .try_for_each(|line| printer.print(&line))
    }
}

/// `resumed`: the stream broke off, and is wanted again from this time on.
fn query(selection: &Selection, resumed: Option<Timestamp>) -> String {
    let mut query = format!(
        "/logs?follow={}{}",
        selection.follow,
        selection.wanted.query()
    );
    if let Some(tail) = selection.tail.filter(|_| resumed.is_none()) {
        let _ = write!(query, "&tail={tail}");
    }
    if let Some(since) = resumed.or(selection.since) {
        let _ = write!(query, "&since={since}");
    }
    path(&selection.scope, &query)
}

/// How far each instance's lines have come, so that a resumed stream repeats none of them.
#[derive(Debug, Default)]
struct Seen {
    instances: BTreeMap<InstanceId, Reached>,
}

/// The newest line of one instance.
#[derive(Debug)]
struct Reached {
    time: Timestamp,
    /// Lines of that millisecond.
    count: u32,
    /// How many of them are still to come again; `None`: the stream is past them.
    again: Option<u32>,
}

impl Seen {
    /// The stream begins again: from when on, so that nothing of any instance is missed.
    fn resume(&mut self) -> Option<Timestamp> {
        for reached in self.instances.values_mut() {
            reached.again = Some(reached.count);
        }
        self.instances.values().map(|reached| reached.time).min()
    }

    fn is_new(&mut self, line: &LogLine) -> bool {
        let Some(reached) = self.instances.get_mut(&line.instance) else {
            let reached = Reached {
                time: line.time,
                count: 1,
                again: None,
            };
            self.instances.insert(line.instance.clone(), reached);
            return true;
        };
        if let Some(again) = &mut reached.again {
            if line.time < reached.time {
                return false;
            }
            if line.time == reached.time && *again > 0 {
                *again -= 1;
                return false;
            }
            reached.again = None;
        }
        if line.time == reached.time {
            reached.count += 1;
        } else {
            reached.time = line.time;
            reached.count = 1;
        }
        true
    }
}

/// Lines as people read them: whose, in a colour of its own, and what.
#[derive(Debug)]
pub struct Printer {
    output: Output,
    timestamps: bool,
    width: usize,
    /// In order of appearance: the index is the colour.
    known: Vec<InstanceId>,
}

impl Printer {
    pub fn new(output: Output, status: &EnvironmentStatus, timestamps: bool) -> Self {
        let all = status
            .services
            .iter()
            .flat_map(|service| &service.instances);
        let known: Vec<InstanceId> = all.map(|instance| instance.id.clone()).collect();
        let width = known
            .iter()
            .map(|id| id.to_string().len())
            .max()
            .unwrap_or(0);
        Self {
            output,
            timestamps,
            width,
            known,
        }
    }

    fn print(&mut self, line: &LogLine) -> Outcome {
        if self.output.json {
            return self.output.object(line);
        }
        let look = self.output.look;
        let index = self.index(&line.instance);
        let time = self.timestamps.then_some(line.time);
        let prefix = log_prefix(&line.instance.to_string(), self.width, time);
        let prefix = look.distinguish(index, &prefix);
        self.output.data(&format!("{prefix} {}", line.line))
    }

    fn index(&mut self, id: &InstanceId) -> usize {
        if let Some(index) = self.known.iter().position(|known| known == id) {
            return index;
        }
        self.width = self.width.max(id.to_string().len());
        self.known.push(id.clone());
        self.known.len() - 1
    }
}

#[cfg(test)]
mod tests;
