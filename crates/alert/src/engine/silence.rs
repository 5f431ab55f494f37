//! Silences: matchers and a time in which what they match is not told.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_model::Timestamp;
use mainstay_series::{Labels, MatchOp, Matcher};
use serde::{Deserialize, Serialize};

use super::LIMIT_SILENCES;
use crate::matcher::Matchers;

/// How long one that ended is kept to be seen.
pub const SILENCE_RETENTION: Duration = Duration::from_hours(120);

/// The most matchers of one silence.
pub const LIMIT_SILENCE_MATCHERS: usize = 100;

/// One condition, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceMatcher {
    pub name: String,
    pub value: String,
    pub is_regex: bool,
    pub is_equal: bool,
}

impl SilenceMatcher {
    pub fn of(matcher: &Matcher) -> Self {
        Self {
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
            is_regex: matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex),
            is_equal: matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex),
        }
    }

    /// Those of one silence, read and checked.
    pub(crate) fn all(matchers: &[Self]) -> Result<Matchers, SilenceError> {
        if matchers.is_empty() || matchers.len() > LIMIT_SILENCE_MATCHERS {
            return Err(SilenceError::Matchers);
        }
        let read: Result<Vec<Matcher>, SilenceError> = matchers.iter().map(Self::matcher).collect();
        let read = read?;
        // As Alertmanager: a negated matcher counts as one that does not.
        let empty =
            |m: &Matcher| matches!(m.op(), MatchOp::Equal | MatchOp::Regex) && m.matches("");
        if read.iter().all(empty) {
            return Err(SilenceError::MatchesAll);
        }
        Ok(Matchers::new(read))
    }

    fn matcher(&self) -> Result<Matcher, SilenceError> {
        let op = match (self.is_regex, self.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        if self.name.is_empty() {
            return Err(SilenceError::Matcher(
                "a matcher has no label name".to_owned(),
            ));
        }
        Matcher::new(op, &self.name, &self.value)
            .map_err(|error| SilenceError::Matcher(error.to_string()))
    }
}

/// One silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    pub id: String,
    pub matchers: Vec<SilenceMatcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub updated_at: Timestamp,
    pub created_by: String,
    pub comment: String,
}

/// What is asked for; an `id` names one to be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct SilenceDraft {
    pub id: Option<String>,
    pub matchers: Vec<SilenceMatcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub created_by: String,
    pub comment: String,
}

/// Where a silence stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    Active,
    Pending,
    Expired,
}

/// Why one is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    #[error("there is no silence `{0}`")]
    NotFound(String),
    #[error("invalid matcher: {0}")]
    Matcher(String),
    #[error("a silence has 1 to {LIMIT_SILENCE_MATCHERS} matchers")]
    Matchers,
    #[error(
        "at least one matcher must not match the empty string\n  hint: it would silence every alert"
    )]
    MatchesAll,
    #[error("start time must be before end time")]
    Backwards,
    #[error("end time can't be in the past")]
    Past,
    #[error(
        "{LIMIT_SILENCES} silences are kept already\n  hint: those that ended are dropped after 120 h"
    )]
    Full,
}

impl Silence {
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now < self.ends_at {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }

    /// When it is dropped.
    fn gone_at(&self) -> Timestamp {
        self.ends_at + SILENCE_RETENTION
    }
}

#[derive(Debug, Clone)]
struct Kept {
    silence: Silence,
    matchers: Matchers,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Silences {
    all: BTreeMap<String, Kept>,
    /// Those that were set or dropped since somebody asked.
    pub(super) changed: Vec<String>,
}

impl Silences {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.all.values().map(|kept| &kept.silence)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Silence> {
        self.all.get(id).map(|kept| &kept.silence)
    }

    /// The active ones that match.
    pub(super) fn silencing(&self, labels: &Labels, now: Timestamp) -> Vec<String> {
        let active = self.all.iter().filter(|(_, kept)| {
            kept.silence.state(now) == SilenceState::Active && kept.matchers.matches(labels)
        });
        active.map(|(id, _)| id.clone()).collect()
    }

    /// Sets or changes one. A change that would rewrite what has already been silenced ends the old one
    /// and makes another, of `new_id`. Returns the one that holds.
    pub(super) fn set(
        &mut self,
        draft: SilenceDraft,
        new_id: &str,
        now: Timestamp,
    ) -> Result<String, SilenceError> {
        let matchers = checked(&draft, now)?;
        let previous = match &draft.id {
            Some(id) => {
                let found = self.get(id).cloned();
                Some(found.ok_or_else(|| SilenceError::NotFound(id.clone()))?)
            }
            None => None,
        };
        let same = previous
            .as_ref()
            .filter(|previous| may_update(previous, &draft, now));
        let id = match same {
            Some(same) => same.id.clone(),
            None if self.all.len() >= LIMIT_SILENCES => return Err(SilenceError::Full),
            None => new_id.to_owned(),
        };
        let fresh = same.is_none();
        if let (true, Some(previous)) = (fresh, &previous) {
            self.expire(&previous.id, now)?;
        }
        let silence = Silence {
            id: id.clone(),
            matchers: draft.matchers,
            starts_at: if fresh {
                draft.starts_at.max(now)
            } else {
                draft.starts_at
            },
            ends_at: draft.ends_at,
            updated_at: now,
            created_by: draft.created_by,
            comment: draft.comment,
        };
        self.put(silence, matchers);
        Ok(id)
    }

    fn put(&mut self, silence: Silence, matchers: Matchers) {
        self.changed.push(silence.id.clone());
        self.all
            .insert(silence.id.clone(), Kept { silence, matchers });
    }

    /// Ends one now; one that is over stays as it is.
    pub(super) fn expire(&mut self, id: &str, now: Timestamp) -> Result<(), SilenceError> {
        let kept = self
            .all
            .get_mut(id)
            .ok_or_else(|| SilenceError::NotFound(id.to_owned()))?;
        let state = kept.silence.state(now);
        if state == SilenceState::Expired {
            return Ok(());
        }
        if state == SilenceState::Pending {
            kept.silence.starts_at = now;
        }
        kept.silence.ends_at = now;
        kept.silence.updated_at = now;
        self.changed.push(id.to_owned());
        Ok(())
    }

    /// One that was kept before a restart. What cannot be read any more is left out.
    pub(super) fn restore(&mut self, silence: Silence) {
        let read: Result<Vec<Matcher>, _> = silence
            .matchers
            .iter()
            .map(SilenceMatcher::matcher)
            .collect();
        if let Ok(matchers) = read {
            let matchers = Matchers::new(matchers);
            self.all
                .insert(silence.id.clone(), Kept { silence, matchers });
        }
    }

    /// Drops those that ended long ago.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let gone: Vec<String> = self
            .iter()
            .filter(|silence| silence.gone_at() <= now)
            .map(|silence| silence.id.clone())
            .collect();
        for id in gone {
            self.all.remove(&id);
            self.changed.push(id);
        }
    }
}

fn checked(draft: &SilenceDraft, now: Timestamp) -> Result<Matchers, SilenceError> {
    let matchers = SilenceMatcher::all(&draft.matchers)?;
    if draft.starts_at >= draft.ends_at {
        return Err(SilenceError::Backwards);
    }
    if draft.ends_at < now {
        return Err(SilenceError::Past);
    }
    Ok(matchers)
}

/// Whether a silence may become what is asked without rewriting what it has silenced.
fn may_update(previous: &Silence, draft: &SilenceDraft, now: Timestamp) -> bool {
    if previous.matchers != draft.matchers {
        return false;
    }
    match previous.state(now) {
        SilenceState::Active => {
            previous.starts_at.as_millis() / 1000 == draft.starts_at.as_millis() / 1000
        }
        SilenceState::Pending => draft.starts_at >= now,
        SilenceState::Expired => false,
    }
}
