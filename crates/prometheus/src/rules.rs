//! `rules`, `alerts`, `alertmanagers`.
//!
//! As Prometheus 3 answers them: a group none of whose rules is asked for is left out, and groups come
//! in pages where `group_limit` is given.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use axum::extract::State;
use mainstay_promql::number;
use mainstay_series::Matcher;

use crate::failure::Failure;
use crate::form::{Address, Form};
use crate::json::Json;
use crate::params;
use crate::reply::{Answered, Reply};
use crate::routes::Api;
use crate::sources::{AlertingStatus, RuleAlert, RuleGroup, RuleStatus};
use crate::time;

/// Which rules are asked for, and how much of them.
struct Wanted {
    /// Names; each of these empty: any.
    rules: BTreeSet<String>,
    groups: BTreeSet<String>,
    files: BTreeSet<String>,
    /// One of these sets must meet the rule's labels; empty: any.
    labels: Vec<Vec<Matcher>>,
    alerting: bool,
    recording: bool,
    without_alerts: bool,
    page: Option<Page>,
}

/// A part of the groups.
struct Page {
    limit: usize,
    /// The group that it begins with, as the page before named it; empty: the first.
    from: String,
}

impl Wanted {
    fn read(form: &Form) -> Result<Self, Failure> {
        let labels = params::selectors(form).map_err(Failure::bad_data)?;
        let kind = form.first("type").to_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            let reason = format!("not supported value {}", time::quoted(&kind));
            return Err(Failure::parameter("type", reason));
        }
        let all = |name: &str| form.all(name).map(str::to_owned).collect();
        Ok(Self {
            rules: all("rule_name[]"),
            groups: all("rule_group[]"),
            files: all("file[]"),
            labels,
            alerting: kind != "record",
            recording: kind != "alert",
            without_alerts: without_alerts(form)?,
            page: page(form)?,
        })
    }

    fn group(&self, group: &RuleGroup) -> bool {
        let named =
            |names: &BTreeSet<String>, name: &String| names.is_empty() || names.contains(name);
        named(&self.groups, &group.name) && named(&self.files, &group.file)
    }

    fn rule(&self, rule: &RuleStatus) -> bool {
        let value = |matcher: &Matcher| {
            rule.labels
                .get(matcher.name())
                .unwrap_or_default()
                .to_owned()
        };
        let meets = |set: &Vec<Matcher>| set.iter().all(|matcher| matcher.matches(&value(matcher)));
        (self.rules.is_empty() || self.rules.contains(&rule.name))
            && (self.labels.is_empty() || self.labels.iter().any(meets))
            && match rule.alerting {
                Some(_) => self.alerting,
                None => self.recording,
            }
    }
}

/// `exclude_alerts`, as Go's `strconv.ParseBool` reads it.
fn without_alerts(form: &Form) -> Result<bool, Failure> {
    let text = form.first("exclude_alerts").to_lowercase();
    match text.as_str() {
        "" | "0" | "f" | "false" => Ok(false),
        "1" | "t" | "true" => Ok(true),
        text => {
            let text = time::quoted(text);
            let reason = format!(
                "error converting exclude_alerts: strconv.ParseBool: parsing {text}: invalid syntax"
            );
            Err(Failure::parameter("exclude_alerts", reason))
        }
    }
}

fn page(form: &Form) -> Result<Option<Page>, Failure> {
    let (limit, from) = (form.first("group_limit"), form.first("group_next_token"));
    if limit.is_empty() {
        if from.is_empty() {
            return Ok(None);
        }
        let reason = "group_limit needs to be present in order to paginate over the groups";
        return Err(Failure::parameter("group_next_token", reason));
    }
    let number = params::whole_number(limit).map_err(|reason| {
        let reason = reason.replace("strconv.Atoi", "strconv.ParseInt");
        Failure::parameter(
            "group_limit",
            format!("group_limit needs to be a valid number: {reason}"),
        )
    })?;
    match usize::try_from(number) {
        Ok(limit) if limit > 0 => Ok(Some(Page {
            limit,
            from: from.to_owned(),
        })),
        _ => {
            let reason = "group_limit needs to be greater than 0";
            Err(Failure::parameter("group_limit", reason))
        }
    }
}

/// How a page names the group that the next one begins with.
fn token(group: &RuleGroup) -> String {
    let mut token = String::new();
    for byte in group.file.bytes().chain([b';']).chain(group.name.bytes()) {
        let _ = write!(token, "{byte:02x}");
    }
    token
}

pub(crate) async fn rules(State(api): State<Api>, Address(form): Address) -> Answered {
    let wanted = Wanted::read(&form)?;
    let rules = api.sources.rules.clone();
    let work = move |_: &crate::pool::Ticket| {
        let mut groups = rules.groups();
        groups.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
        let (groups, next) = shown(groups, &wanted)?;
        Ok(Reply::data(|json| {
            json.open('{').key("groups").open('[');
            for group in &groups {
                write_group(json, group, &wanted);
            }
            json.close(']');
            if let Some(next) = &next {
                json.key("groupNextToken").text(next);
            }
            json.close('}');
        }))
    };
    api.lookups.run(api.options.timeout, work).await
}

/// The groups of a page with the rules that are asked for, and what the next page begins with.
fn shown(
    groups: Vec<RuleGroup>,
    wanted: &Wanted,
) -> Result<(Vec<RuleGroup>, Option<String>), Failure> {
    let mut groups = groups.into_iter().peekable();
    let from = wanted.page.as_ref().map(|page| &page.from);
    if let Some(from) = from.filter(|from| !from.is_empty()) {
        while groups.next_if(|group| token(group) != *from).is_some() {}
        if groups.peek().is_none() {
            let from = time::quoted(from);
            let from = from.trim_matches('"');
            let reason = format!("invalid group_next_token '{from}'. were rule groups changed?");
            return Err(Failure::parameter("group_next_token", reason));
        }
    }
    let mut found = Vec::new();
    for mut group in groups.filter(|group| wanted.group(group)) {
        group.rules.retain(|rule| wanted.rule(rule));
        if group.rules.is_empty() {
            continue;
        }
        if wanted
            .page
            .as_ref()
            .is_some_and(|page| found.len() == page.limit)
        {
            return Ok((found, Some(token(&group))));
        }
        found.push(group);
    }
    Ok((found, None))
}

fn write_group(json: &mut Json, group: &RuleGroup, wanted: &Wanted) {
    json.open('{');
    json.key("name").text(&group.name);
    json.key("file").text(&group.file);
    json.key("rules").open('[');
    for rule in &group.rules {
        write_rule(json, rule, wanted);
    }
    json.close(']');
    json.key("interval").number(group.interval.as_secs_f64());
    json.key("limit")
        .integer(i64::try_from(group.limit).unwrap_or(i64::MAX));
    json.key("evaluationTime")
        .number(group.evaluation_time.as_secs_f64());
    json.key("lastEvaluation")
        .text(&time::rfc3339(group.last_evaluation_ms));
    json.close('}');
}

fn write_rule(json: &mut Json, rule: &RuleStatus, wanted: &Wanted) {
    json.open('{');
    if let Some(alerting) = &rule.alerting {
        json.key("state").text(alerting.state.as_str());
    }
    json.key("name").text(&rule.name);
    json.key("query").text(&rule.query);
    if let Some(alerting) = &rule.alerting {
        json.key("duration").number(alerting.hold.as_secs_f64());
        json.key("keepFiringFor")
            .number(alerting.keep_firing.as_secs_f64());
    }
    json.key("labels").labels(&rule.labels);
    if let Some(alerting) = &rule.alerting {
        write_alerting(json, alerting, wanted);
    }
    json.key("health").text(rule.health.as_str());
    if !rule.last_error.is_empty() {
        json.key("lastError").text(&rule.last_error);
    }
    json.key("evaluationTime")
        .number(rule.evaluation_time.as_secs_f64());
    json.key("lastEvaluation")
        .text(&time::rfc3339(rule.last_evaluation_ms));
    let kind = match rule.alerting {
        Some(_) => "alerting",
        None => "recording",
    };
    json.key("type").text(kind).close('}');
}

fn write_alerting(json: &mut Json, alerting: &AlertingStatus, wanted: &Wanted) {
    json.key("annotations");
    write_texts(json, &alerting.annotations);
    json.key("alerts");
    if wanted.without_alerts {
        json.serde(&());
        return;
    }
    json.open('[');
    for alert in &alerting.alerts {
        write_alert(json, alert);
    }
    json.close(']');
}

fn write_alert(json: &mut Json, alert: &RuleAlert) {
    json.open('{').key("labels").labels(&alert.labels);
    json.key("annotations");
    write_texts(json, &alert.annotations);
    json.key("state").text(alert.state.as_str());
    json.key("activeAt")
        .text(&time::rfc3339(Some(alert.active_at_ms)));
    if let Some(since_ms) = alert.keep_firing_since_ms {
        json.key("keepFiringSince")
            .text(&time::rfc3339(Some(since_ms)));
    }
    json.key("value")
        .text(&number::scientific(alert.value))
        .close('}');
}

fn write_texts(json: &mut Json, texts: &BTreeMap<String, String>) {
    json.open('{');
    for (name, text) in texts {
        json.key(name).text(text);
    }
    json.close('}');
}

pub(crate) async fn alerts(State(api): State<Api>) -> Answered {
    api.lookup(|sources| {
        let mut groups = sources.rules.groups();
        groups.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
        Reply::data(|json| {
            json.open('{').key("alerts").open('[');
            let rules = groups.iter().flat_map(|group| &group.rules);
            for alerting in rules.filter_map(|rule| rule.alerting.as_ref()) {
                for alert in &alerting.alerts {
                    write_alert(json, alert);
                }
            }
            json.close(']').close('}');
        })
    })
    .await
}

pub(crate) async fn alertmanagers(State(api): State<Api>) -> Answered {
    api.lookup(|sources| {
        let found = sources.rules.alertmanagers();
        Reply::data(|json| {
            json.open('{');
            for (key, addresses) in [
                ("activeAlertmanagers", &found.active),
                ("droppedAlertmanagers", &found.dropped),
            ] {
                json.key(key).open('[');
                for address in addresses {
                    json.open('{').key("url").text(address).close('}');
                }
                json.close(']');
            }
            json.close('}');
        })
    })
    .await
}
