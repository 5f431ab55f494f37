//! From which value on a check fails, and how a user says it.

use crate::check::{Bad, Check, Unit, checks};
use crate::quantity::{shown, typed};
use mainstay_model::did_you_mean;
use serde::Serialize;

/// Target, warning, critical. What is `None` is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Limits {
    /// What is aimed at; missing it alone is no failure.
    pub target: Option<f64>,
    pub warning: Option<f64>,
    pub critical: Option<f64>,
}

impl Limits {
    /// Only a warning.
    pub(crate) const fn warning(warning: f64) -> Self {
        Self {
            target: None,
            warning: Some(warning),
            critical: None,
        }
    }

    /// Only a critical level.
    pub(crate) const fn critical(critical: f64) -> Self {
        Self {
            target: None,
            warning: None,
            critical: Some(critical),
        }
    }

    pub(crate) const fn levels(warning: f64, critical: f64) -> Self {
        Self {
            target: None,
            warning: Some(warning),
            critical: Some(critical),
        }
    }

    pub(crate) const fn all(target: f64, warning: f64, critical: f64) -> Self {
        Self {
            target: Some(target),
            warning: Some(warning),
            critical: Some(critical),
        }
    }
}

/// Why `CHECK=WARNING:CRITICAL` cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    #[error(
        "`{0}` is no threshold: write CHECK=WARNING, CHECK=WARNING:CRITICAL or CHECK=:CRITICAL"
    )]
    Shape(String),
    #[error("no such check: `{typed}`{}", .near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    Check {
        typed: String,
        near: Option<&'static str>,
    },
    #[error("`{text}` is no value of {check}: write {example}")]
    Value {
        text: String,
        check: &'static str,
        example: &'static str,
    },
    #[error("{check}: the critical level {critical} comes before the warning {warning}")]
    Order {
        check: &'static str,
        warning: String,
        critical: String,
    },
}

/// Reads `system.cpu=75%:90%`.
pub(crate) fn parse_override(text: &str) -> Result<(&'static Check, Limits), OverrideError> {
    let shape = || OverrideError::Shape(text.to_owned());
    let (name, levels) = text.split_once('=').ok_or_else(shape)?;
    let known = || checks().iter().map(|check| check.id);
    let check = crate::check(name.trim()).ok_or_else(|| OverrideError::Check {
        typed: name.trim().to_owned(),
        near: did_you_mean(name.trim(), known()),
    })?;
    let (warning, critical) = levels.split_once(':').unwrap_or((levels, ""));
    let level = |text: &str| match text.trim() {
        "" => Ok(None),
        text => typed(check.unit, text)
            .map(Some)
            .ok_or_else(|| OverrideError::Value {
                text: text.to_owned(),
                check: check.id,
                example: example(check.unit),
            }),
    };
    let limits = Limits {
        target: None,
        warning: level(warning)?,
        critical: level(critical)?,
    };
    if limits.warning.is_none() && limits.critical.is_none() {
        return Err(shape());
    }
    Ok((check, limits))
}

/// A warning comes no later than what it warns of.
pub(crate) fn in_order(check: &Check, limits: Limits) -> Result<(), OverrideError> {
    let (Some(warning), Some(critical)) = (limits.warning, limits.critical) else {
        return Ok(());
    };
    let is_reversed = match check.bad {
        Bad::Above => critical < warning,
        Bad::Below => critical > warning,
    };
    if !is_reversed {
        return Ok(());
    }
    Err(OverrideError::Order {
        check: check.id,
        warning: shown(check.unit, warning),
        critical: shown(check.unit, critical),
    })
}

fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::Share => "75% or 0.75",
        Unit::Seconds => "2s or 500ms",
        Unit::Count => "1000",
    }
}
