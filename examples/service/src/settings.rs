//! Everything the service takes from its environment, read once at the start.
//!
//! **Invariant:** nothing else in this package reads a variable, so this file is the whole list.
//! A value that cannot be used ends the start with its name, its value and what would do; a
//! secret's value is left out.

use crate::faults::{Faults, StartFault};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// The variables, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    /// The release this instance belongs to (`r12`), `dev` when nobody said.
    pub(crate) release: String,
    pub(crate) instance: String,
    pub(crate) faults: Faults,
    pub(crate) start_fault: Option<StartFault>,
    /// Whether `POST /admin/faults` exists.
    pub(crate) faults_enabled: bool,
    /// From SIGTERM until new connections are refused; requests are served meanwhile.
    pub(crate) lame_duck: Duration,
    /// From then until requests in flight are cut off.
    pub(crate) shutdown_deadline: Duration,
}

impl Settings {
    /// Reads the variables through `lookup`, which is the process environment but for tests.
    ///
    /// # Errors
    /// Names the first variable that cannot be used.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let vars = Variables { lookup };
        Ok(Self {
            listen: SocketAddr::new(
                vars.parse("HOST")?
                    .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                vars.parse("PORT")?.unwrap_or(8000),
            ),
            release: vars.text("MAINSTAY_RELEASE").unwrap_or("dev".into()),
            instance: vars
                .text("MAINSTAY_INSTANCE")
                .unwrap_or_else(|| format!("pid-{}", std::process::id())),
            faults: Faults::read(&vars)?,
            start_fault: vars.parse("FAULT_START")?,
            faults_enabled: vars.flag("FAULTS_ENABLED")?.unwrap_or(false),
            lame_duck: vars
                .duration("LAME_DUCK")?
                .unwrap_or(Duration::from_millis(100)),
            shutdown_deadline: vars
                .duration("SHUTDOWN_DEADLINE")?
                .unwrap_or(Duration::from_secs(25)),
        })
    }
}

/// Variables by name, with errors that say which one was wrong.
pub(crate) struct Variables<L> {
    lookup: L,
}

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    /// An empty value counts as not given: that is what `KEY: ${KEY:-}` in a Compose file makes.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn parse<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> anyhow::Result<Option<T>> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|error| anyhow::anyhow!("{name}={text}: {error}"))
            })
            .transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> anyhow::Result<Option<bool>> {
        self.text(name)
            .map(|text| match text.as_str() {
                "1" | "true" | "yes" | "on" => Ok(true),
                "0" | "false" | "no" | "off" => Ok(false),
                _ => Err(anyhow::anyhow!(
                    "{name}={text}: not a flag\n  hint: write true or false"
                )),
            })
            .transpose()
    }

    pub(crate) fn duration(&self, name: &str) -> anyhow::Result<Option<Duration>> {
        self.text(name)
            .map(|text| parse_duration(&text).map_err(|error| anyhow::anyhow!("{name}={error}")))
            .transpose()
    }
}

/// `250ms`, `5s` or `2m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let amount: u64 = digits.parse().map_err(|_| duration_error(text))?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(amount)),
        "s" => Ok(Duration::from_secs(amount)),
        "m" => Ok(Duration::from_secs(amount.saturating_mul(60))),
        _ => Err(duration_error(text)),
    }
}

fn duration_error(text: &str) -> String {
    format!("{text}: not a duration\n  hint: write a number and ms, s or m, like 250ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> anyhow::Result<Settings> {
        Settings::read(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_defaults_listen_on_loopback_only() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(settings.release, "dev");
        assert!(!settings.faults_enabled);
    }

    #[test]
    fn an_empty_variable_is_one_not_given() {
        assert_eq!(read(&[("PORT", "")]).unwrap().listen.port(), 8000);
    }

    #[test]
    fn a_bad_value_names_its_variable() {
        for (name, value) in [
            ("PORT", "eighty"),
            ("FAULTS_ENABLED", "maybe"),
            ("LAME_DUCK", "5"),
            ("FAULT_ERROR_RATE", "2"),
            ("FAULT_START", "explode"),
            ("FAULT_HEALTH", "ill"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}={value}")), "{error}");
        }
    }
}
