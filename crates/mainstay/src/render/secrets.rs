//! `secret list`: names and sources, never a value.

use super::quantity::ago;
use super::table::{Entry, table as drawn};
use crate::look::{Look, Tone};
use mainstay_model::Timestamp;
use mainstay_server::api::types::SecretStatus;
use mainstay_stack::secrets::SecretRequest;
use serde::Serialize;

/// One line.
#[derive(Debug, PartialEq, Serialize)]
pub struct Row {
    name: String,
    source: String,
    services: Vec<String>,
    /// The release that brought the value; `None`: it is not deployed.
    release: Option<String>,
    changed_at: Option<Timestamp>,
    /// Of the server alone: the files do not name it any more.
    gone: bool,
}

/// Those of the files, then those that only the current release has.
pub fn rows(requests: &[SecretRequest], deployed: &[SecretStatus]) -> Vec<Row> {
    let mut rows: Vec<Row> = requests
        .iter()
        .map(|request| {
            let known = deployed.iter().find(|known| known.name == request.name);
            Row {
                name: request.name.clone(),
                source: request.source.to_string(),
                services: request.users.iter().map(ToString::to_string).collect(),
                release: known.map(|known| known.release.to_string()),
                changed_at: known.map(|known| known.changed_at),
                gone: false,
            }
        })
        .collect();
    let gone = deployed
        .iter()
        .filter(|known| !requests.iter().any(|request| request.name == known.name));
    rows.extend(gone.map(|known| Row {
        name: known.name.clone(),
        source: known.source.clone(),
        services: known.services.iter().map(ToString::to_string).collect(),
        release: Some(known.release.to_string()),
        changed_at: Some(known.changed_at),
        gone: true,
    }));
    rows
}

pub fn table(rows: &[Row], now: Timestamp, look: Look) -> String {
    if rows.is_empty() {
        return "no secret; say where one comes from in `secrets` of mainstay.yaml".to_owned();
    }
    let drawn_rows = rows.iter().map(|row| {
        let services = Some(row.services.join(", ")).filter(|names| !names.is_empty());
        let name = Entry::new(&row.name);
        vec![
            if row.gone {
                name.tone(Tone::Faint)
            } else {
                name
            },
            Entry::new(&row.source),
            Entry::optional(services),
            Entry::optional(row.release.as_ref()),
            Entry::optional(row.changed_at.map(|at| ago(at, now))),
        ]
    });
    let columns = ["NAME", "FROM", "SERVICES", "SINCE", "CHANGED"];
    drawn(look, &columns, drawn_rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::{Place, ReleaseNumber};
    use mainstay_stack::secrets::{Rules, Source};
    use std::collections::BTreeSet;

    #[test]
    fn what_is_deployed_and_what_is_not_stand_side_by_side() {
        let request = |name: &str| SecretRequest {
            name: name.to_owned(),
            source: Source::Age {
                file: "/shop/secrets.dev.age".into(),
                key: name.to_owned(),
            },
            rules: Rules::default(),
            place: Place {
                file: String::new(),
                line: 0,
                column: 0,
            },
            users: BTreeSet::from(["app".parse().unwrap()]),
            backups: false,
        };
        let known = |name: &str| SecretStatus {
            name: name.to_owned(),
            source: "variable OLD".to_owned(),
            services: BTreeSet::new(),
            release: ReleaseNumber(3),
            changed_at: Timestamp::from_millis(0),
            fingerprint: "abc".to_owned(),
        };
        let rows = rows(&[request("a"), request("b")], &[known("b"), known("old")]);
        let look = Look {
            colour: false,
            width: None,
        };
        let text = table(&rows, Timestamp::from_millis(60_000), look);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let from = ["age", "secrets.dev.age,", "key"];
        assert_eq!(
            lines[1],
            [&["a"][..], &from, &["a", "app", "-", "-"]].concat()
        );
        assert_eq!(
            lines[2][..7],
            [&["b"][..], &from, &["b", "app", "r3"]].concat()
        );
        assert_eq!(lines[3][..4], ["old", "variable", "OLD", "-"]);
    }
}
