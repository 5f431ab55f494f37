//! Back to what was there, and giving that up.

use super::Mysql;
use super::client::{execute, list, name};
use super::objects::{Objects, is_there};
use super::swap::{KEPT, moves, rename};
use crate::database::{Failure, Undo};
use crate::place::Place;
use crate::token::token;
use std::collections::BTreeMap;

/// Under which an undo says what keeps the old, and which database was made beside.
const KEEPS: &str = "kept-in";
const HERE: &str = "database";
const BESIDE: &str = "beside";

pub(super) fn beside(name: &str) -> Undo {
    Undo {
        kept: BTreeMap::from([(BESIDE.to_owned(), name.to_owned())]),
    }
}

pub(super) fn exchanged(here: &str, kept: &str) -> Undo {
    let pairs = [(HERE, here), (KEEPS, kept)];
    Undo {
        kept: pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    }
}

/// Brings back what was there. The database that keeps it goes last, so that what broke off is begun again.
pub(super) async fn undo(mysql: &Mysql, place: &dyn Place, undo: &Undo) -> Result<(), Failure> {
    if let Some(beside) = undo.kept.get(BESIDE) {
        return drop_database(mysql, place, beside).await;
    }
    let kept = keeps(undo)?;
    let here = undo
        .kept
        .get(HERE)
        .map_or(mysql.database.as_str(), String::as_str);
    if !is_there(mysql, place, kept).await? {
        return Ok(());
    }
    let of = |kind: &str| {
        format!(
            "FROM {}.{} WHERE kind = '{kind}' ORDER BY n",
            name(kept),
            name(KEPT)
        )
    };
    let old = list(mysql, place, "what", &of("old")).await?;
    let new = list(mysql, place, "what", &of("new")).await?;
    let definitions = list(mysql, place, "what", &of("definitions"))
        .await?
        .concat();
    let now = Objects::of(mysql, place, here).await?;
    let in_keep = Objects::of(mysql, place, kept).await?.tables;
    let back: Vec<String> = old
        .iter()
        .filter(|table| in_keep.contains(table))
        .cloned()
        .collect();
    // Where nothing was moved yet, what is there is the old.
    let moved = !back.is_empty() || old.is_empty();
    let away: Vec<String> = now
        .tables
        .iter()
        .filter(|table| moved && new.contains(table))
        .cloned()
        .collect();
    let gone = format!("mainstay_gone_{}", token()?);
    let mut statements = format!("CREATE DATABASE {};\n", name(&gone));
    let touched: Vec<String> = old.iter().chain(&new).cloned().collect();
    let whole = !list(mysql, place, "kind", &of("whole")).await?.is_empty();
    let drops = if whole {
        now.triggers_of(&touched)
    } else {
        now.only(&touched)
    };
    statements.push_str(&drops.drops(here));
    let moves = moves(&away, here, &gone).chain(moves(&back, kept, here));
    statements.push_str(&rename(moves));
    statements.push_str(&definitions);
    execute(mysql, place, Some(here), &statements).await?;
    drop_database(mysql, place, &gone).await?;
    drop_database(mysql, place, kept).await
}

/// Gives up what was there.
pub(super) async fn settle(mysql: &Mysql, place: &dyn Place, undo: &Undo) -> Result<(), Failure> {
    if undo.kept.contains_key(BESIDE) {
        return Ok(());
    }
    drop_database(mysql, place, keeps(undo)?).await
}

fn keeps(undo: &Undo) -> Result<&str, Failure> {
    let kept = undo
        .kept
        .get(KEEPS)
        .filter(|kept| kept.starts_with("mainstay_undo_"));
    let kept = kept.ok_or_else(|| Failure::new("this undo is none of MySQL"))?;
    Ok(kept)
}

/// Removes a database, also where it is not there.
pub(super) async fn drop_database(
    mysql: &Mysql,
    place: &dyn Place,
    schema: &str,
) -> Result<(), Failure> {
    // Tables that hold each other by foreign keys go together.
    let statement = format!(
        "SET foreign_key_checks = 0;\nDROP DATABASE IF EXISTS {};",
        name(schema)
    );
    execute(mysql, place, None, &statement).await.map(|_| ())
}
