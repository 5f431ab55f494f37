//! Restore points in the journal: the list, one by a question, changes to one.

use super::job::Trouble;
use crate::api::types::{ApiError, KeptPoint, WhichPoint};
use crate::control::Control;
use mainstay_journal::{Journal, JournalError, PointRow, Rows};
use mainstay_model::Scope;
use mainstay_recovery::{Asked, Chosen, LogRange, Reason, RestorePoint, find};
use uuid::Uuid;

impl Control {
    /// Newest first.
    pub(super) async fn points(&self, scope: &Scope) -> Result<Vec<KeptPoint>, ApiError> {
        let asked = scope.clone();
        let read = move |rows: Rows<'_>| rows.points(&asked);
        let rows = self.store.journal().read::<_, JournalError>(read).await?;
        let points = rows.into_iter().map(|row| {
            serde_json::from_value(row.data).map_err(|error| {
                ApiError::unavailable(format!("row of restore point {}: {error}", row.name))
            })
        });
        points.collect()
    }

    /// Writes it down; it is on disk when this answers.
    pub(super) async fn keep_point(&self, kept: &KeptPoint) -> Result<(), ApiError> {
        let row = PointRow {
            id: kept.point.id,
            scope: kept.point.scope.clone(),
            name: kept.point.name.to_string(),
            began_at: kept.point.began,
            data: serde_json::to_value(kept).map_err(|error| ApiError::unavailable(&error))?,
        };
        let write =
            move |journal: &mut Journal| journal.write::<_, JournalError>(|w| w.put_point(&row));
        Ok(self.store.journal().write::<_, JournalError>(write).await?)
    }

    pub(super) async fn forget_point(&self, id: Uuid) -> Result<(), ApiError> {
        let write =
            move |journal: &mut Journal| journal.write::<_, JournalError>(|w| w.remove_point(id));
        Ok(self.store.journal().write::<_, JournalError>(write).await?)
    }

    /// The restore point that answers a question, with where each source comes from.
    pub(super) async fn choose(
        &self,
        scope: &Scope,
        which: &WhichPoint,
        only: &[String],
    ) -> Result<(Chosen, Vec<KeptPoint>), Trouble> {
        let kept = self.points(scope).await?;
        let mut points: Vec<RestorePoint> = kept.iter().map(|kept| kept.point.clone()).collect();
        if matches!(which, WhichPoint::Latest) {
            // What a restore replaced is brought back by its name only.
            let safety = |point: &RestorePoint| matches!(point.reason, Reason::Safety { .. });
            if !points.iter().all(safety) {
                points.retain(|point| !safety(point));
            }
        }
        let logs = self.log_ranges(scope, &kept)?;
        let chosen = chosen(&points, &logs, which, only)?;
        Ok((chosen, kept))
    }
}

/// Several sources that were asked for: each has to be in it.
fn chosen(
    points: &[RestorePoint],
    logs: &[LogRange],
    which: &WhichPoint,
    only: &[String],
) -> Result<Chosen, Trouble> {
    let asked = asked(which)?;
    let one = match only {
        [one] => Some(one.as_str()),
        _ => None,
    };
    let not_found = |error: mainstay_recovery::NotFound| {
        let words = error.to_string();
        let words = words.split("; hint: ").next().unwrap_or_default();
        let trouble = Trouble::new(words);
        let names: Vec<String> = error
            .nearest
            .iter()
            .map(|(name, time)| format!("{name} of {time}"))
            .collect();
        if names.is_empty() {
            trouble.hint("make one: `mainstay backup create`")
        } else {
            trouble.hint(format!("the nearest: {}", names.join(", ")))
        }
    };
    let mut chosen = find(points, logs, &asked, one).map_err(not_found)?;
    if !only.is_empty() {
        let has = |name: &String| chosen.sources.iter().any(|picked| picked.source == *name);
        let missing: Vec<&String> = only.iter().filter(|name| !has(name)).collect();
        if let Some(first) = missing.first() {
            let known: Vec<&str> = chosen
                .sources
                .iter()
                .map(|picked| picked.source.as_str())
                .collect();
            let hint = format!("it has {}", known.join(", "));
            let words = format!("restore point {} has no `{first}`", chosen.name);
            return Err(Trouble::new(words).hint(hint));
        }
        chosen
            .sources
            .retain(|picked| only.contains(&picked.source));
    }
    Ok(chosen)
}

fn asked(which: &WhichPoint) -> Result<Asked, Trouble> {
    Ok(match which {
        WhichPoint::Latest => Asked::Latest,
        WhichPoint::Name(name) => Asked::Name(name.to_string()),
        WhichPoint::To(time) => Asked::To(*time),
        WhichPoint::Date(text) => Asked::Date {
            day: text.parse().map_err(|_| {
                Trouble::new(format!("`{text}` is no day")).hint("such as 2026-11-20")
            })?,
            zone: "UTC".to_owned(),
        },
    })
}
