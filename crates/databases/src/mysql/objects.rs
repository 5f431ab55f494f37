//! What a database has, and the statements that name it.

use super::Mysql;
use super::client::{execute, list, name, text};
use super::dump::{PROGRAMS, WAYS};
use crate::command::run;
use crate::database::Failure;
use crate::place::Place;
use std::fmt::Write as _;
use std::time::Duration;

/// To write down definitions.
const SOON: Duration = Duration::from_secs(180);

/// Names of what a database has.
#[derive(Debug, Default, Clone)]
pub(super) struct Objects {
    /// Also sequences, which are renamed alike.
    pub(super) tables: Vec<String>,
    pub(super) views: Vec<String>,
    /// With the table of each.
    pub(super) triggers: Vec<(String, String)>,
    /// With `FUNCTION` or `PROCEDURE` before each.
    routines: Vec<String>,
    events: Vec<String>,
}

impl Objects {
    pub(super) async fn of(
        mysql: &Mysql,
        place: &dyn Place,
        schema: &str,
    ) -> Result<Self, Failure> {
        let from = |what: &str, of: &str, rest: &str| {
            let schema = text(schema);
            format!("FROM information_schema.{what} WHERE {of}_schema = {schema} {rest}")
        };
        let tables = from("tables", "table", "AND table_type <> 'VIEW'");
        let views = from("tables", "table", "AND table_type = 'VIEW'");
        let triggers = from("triggers", "trigger", "ORDER BY trigger_name");
        let routines = from("routines", "routine", "");
        let events = from("events", "event", "");
        let routine = "CONCAT(routine_type, ' ', routine_name)";
        let names = list(mysql, place, "trigger_name", &triggers).await?;
        let of = list(mysql, place, "event_object_table", &triggers).await?;
        Ok(Self {
            tables: list(mysql, place, "table_name", &tables).await?,
            views: list(mysql, place, "table_name", &views).await?,
            triggers: names.into_iter().zip(of).collect(),
            routines: list(mysql, place, routine, &routines).await?,
            events: list(mysql, place, "event_name", &events).await?,
        })
    }

    /// Only these tables, with their triggers.
    pub(super) fn only(self, tables: &[String]) -> Self {
        let wanted = |table: &String| tables.contains(table);
        Self {
            tables: self.tables.into_iter().filter(wanted).collect(),
            triggers: self
                .triggers
                .into_iter()
                .filter(|(_, table)| wanted(table))
                .collect(),
            ..Self::default()
        }
    }

    /// Everything, but no trigger of another table.
    pub(super) fn triggers_of(mut self, tables: &[String]) -> Self {
        self.triggers.retain(|(_, table)| tables.contains(table));
        self
    }

    /// Removes everything but tables: what cannot be moved to another database.
    pub(super) fn drops(&self, schema: &str) -> String {
        let schema = name(schema);
        let mut out = String::new();
        for event in &self.events {
            let _ = writeln!(out, "DROP EVENT IF EXISTS {schema}.{};", name(event));
        }
        for (trigger, _) in &self.triggers {
            let _ = writeln!(out, "DROP TRIGGER IF EXISTS {schema}.{};", name(trigger));
        }
        for view in &self.views {
            let _ = writeln!(out, "DROP VIEW IF EXISTS {schema}.{};", name(view));
        }
        for routine in &self.routines {
            if let Some((kind, routine)) = routine.rsplit_once(' ') {
                let _ = writeln!(out, "DROP {kind} IF EXISTS {schema}.{};", name(routine));
            }
        }
        out
    }

    /// Everything that [`Self::drops`] removes, as statements without the name of a database.
    pub(super) async fn definitions(
        &self,
        mysql: &Mysql,
        place: &dyn Place,
        schema: &str,
    ) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        let bare = ["--no-data", "--no-create-info"];
        if !self.events.is_empty() || !self.routines.is_empty() {
            let more = ["--skip-triggers", "--routines", "--events", schema];
            out.extend(write(mysql, place, &[&bare[..], &more].concat()).await?);
        }
        if !self.views.is_empty() {
            let mut more = vec!["--no-data", "--skip-triggers", schema];
            more.extend(self.views.iter().map(String::as_str));
            out.extend(write(mysql, place, &more).await?);
        }
        if !self.triggers.is_empty() {
            let mut more = vec!["--triggers", schema];
            more.extend(self.tables.iter().map(String::as_str));
            out.extend(write(mysql, place, &[&bare[..], &more].concat()).await?);
        }
        Ok(out)
    }
}

async fn write(mysql: &Mysql, place: &dyn Place, more: &[&str]) -> Result<Vec<u8>, Failure> {
    let words = mysql.login.words(PROGRAMS, &[&WAYS[..], more].concat())?;
    let input = mysql.login.password.input(b"");
    run(place, "mysqldump", &words, &input, SOON).await
}

/// Whether a database is there.
pub(super) async fn is_there(
    mysql: &Mysql,
    place: &dyn Place,
    schema: &str,
) -> Result<bool, Failure> {
    let rest = format!(
        "FROM information_schema.schemata WHERE schema_name = {}",
        text(schema)
    );
    Ok(!list(mysql, place, "schema_name", &rest).await?.is_empty())
}

/// Makes a database with the character set of `like`, where that is there.
pub(super) async fn create(
    mysql: &Mysql,
    place: &dyn Place,
    schema: &str,
    like: &str,
) -> Result<(), Failure> {
    let rest = format!(
        "FROM information_schema.schemata WHERE schema_name = {}",
        text(like)
    );
    let sets = "CONCAT(default_character_set_name, ' COLLATE ', default_collation_name)";
    let set = list(mysql, place, sets, &rest).await?;
    let set = set
        .first()
        .map(|set| format!(" CHARACTER SET {set}"))
        .unwrap_or_default();
    let statement = format!("CREATE DATABASE {}{set};", name(schema));
    execute(mysql, place, None, &statement).await.map(|_| ())
}
