//! Variables by name, with errors that say which one was wrong.

use super::peers::RedisUrl;
use super::{Admin, EncryptionKey, Environment};
use crate::profile::Profile;
use crate::store::Location;
use anyhow::Context;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// Shorter passwords are for a laptop only.
const MIN_PASSWORD_CHARS: usize = 12;

/// Of memories of one user, by `MEMORY_OPTIMIZATION_LEVEL`: without it, with it, and with `high`.
const MEMORY_DEPTHS: [u32; 3] = [1000, 200, 50];

/// More would only wait inside of PostgreSQL instead of here.
const MAX_POOL: u32 = 100;

/// A reader of variables.
pub(crate) struct Variables<L> {
    lookup: L,
}

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    pub(super) fn new(lookup: L) -> Self {
        Self { lookup }
    }

    /// An empty value counts as not given: that is what `KEY: ${KEY:-}` in a Compose file makes.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// The variable, or what stands in the file that `NAME_FILE` names.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<Option<String>> {
        if let Some(value) = self.text(name) {
            return Ok(Some(value));
        }
        let variable = format!("{name}_FILE");
        let Some(path) = self.text(&variable) else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{variable}={path}: cannot be read"))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()).filter(|text| !text.is_empty()))
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

    pub(super) fn duration_or(&self, name: &str, default: Duration) -> anyhow::Result<Duration> {
        Ok(self.duration(name)?.unwrap_or(default))
    }

    pub(super) fn metrics_listen(
        &self,
        host: IpAddr,
        profile: &Profile,
    ) -> anyhow::Result<Option<SocketAddr>> {
        if self.text("METRICS_PORT").as_deref() == Some("off") {
            return Ok(None);
        }
        let port = self.parse("METRICS_PORT")?.or(profile.metrics_port);
        Ok(port.map(|port| SocketAddr::new(host, port)))
    }

    pub(super) fn database(&self, profile: &Profile) -> anyhow::Result<Location> {
        let (sqlite, postgres) = (self.flag("USE_SQLITE")?, self.flag("USE_POSTGRESQL")?);
        anyhow::ensure!(
            !(sqlite == Some(true) && postgres == Some(true)),
            "USE_SQLITE and USE_POSTGRESQL are both true\n  hint: leave one out"
        );
        if sqlite != Some(true) {
            if let Some(url) = self.secret("DATABASE_URL")? {
                return Ok(Location::parse(&url)?);
            }
            if postgres == Some(true) || self.text("POSTGRES_HOST").is_some() {
                return self.postgres();
            }
        }
        let path = self.text("DATABASE_PATH");
        let default = profile.variables.database_path;
        Ok(Location::Sqlite(path.unwrap_or(default.into()).into()))
    }

    fn postgres(&self) -> anyhow::Result<Location> {
        let or = |name, default: &str| self.text(name).unwrap_or(default.to_owned());
        let port: u16 = self.parse("POSTGRES_PORT")?.unwrap_or(5432);
        let parts = [
            ("host", or("POSTGRES_HOST", "postgres")),
            ("port", port.to_string()),
            ("user", or("POSTGRES_USER", "postgres")),
            ("dbname", or("POSTGRES_DB", "postgres")),
        ];
        let password = self.secret("POSTGRES_PASSWORD")?;
        let password = password.map(|password| ("password", password));
        Ok(Location::postgres(parts.into_iter().chain(password)))
    }

    pub(super) fn pool_size(&self) -> anyhow::Result<u32> {
        let size = self.parse("DATABASE_POOL_SIZE")?.unwrap_or(5);
        anyhow::ensure!(
            (1..=MAX_POOL).contains(&size),
            "DATABASE_POOL_SIZE={size}: not a size\n  hint: write a number from 1 to {MAX_POOL}"
        );
        Ok(size)
    }

    pub(super) fn redis(&self) -> anyhow::Result<Option<RedisUrl>> {
        if let Some(url) = self.secret("REDIS_URL")? {
            return Ok(Some(RedisUrl(url)));
        }
        let Some(host) = self.text("REDIS_HOST") else {
            return Ok(None);
        };
        let port: u16 = self.parse("REDIS_PORT")?.unwrap_or(6379);
        let password = self.secret("REDIS_PASSWORD")?;
        Ok(Some(RedisUrl::of(&host, port, password.as_deref())))
    }

    pub(super) fn cors_origins(&self, profile: &Profile) -> Vec<String> {
        let text = self.text("CORS_ORIGINS");
        let text = text.as_deref().unwrap_or(profile.variables.cors_origins);
        let origins = text.split(',').map(str::trim);
        origins
            .filter(|origin| !origin.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn encryption_key(&self) -> anyhow::Result<Option<EncryptionKey>> {
        let Some(text) = self.secret("ENCRYPTION_KEY")? else {
            return Ok(None);
        };
        let key = <[u8; 32]>::try_from(text.as_bytes()).map_err(|_| {
            anyhow::anyhow!(
                "ENCRYPTION_KEY has {} bytes\n  hint: it needs 32",
                text.len()
            )
        })?;
        Ok(Some(EncryptionKey(key)))
    }

    pub(super) fn memory_depth(&self) -> anyhow::Result<u32> {
        let [all, some, few] = MEMORY_DEPTHS;
        let optimized = self.flag("ENABLE_MEMORY_OPTIMIZATION")?.unwrap_or(false);
        match self.text("MEMORY_OPTIMIZATION_LEVEL").as_deref() {
            None if optimized => Ok(some),
            None | Some("low") => Ok(all),
            Some("medium") => Ok(some),
            Some("high") => Ok(few),
            Some(other) => anyhow::bail!(
                "MEMORY_OPTIMIZATION_LEVEL={other}: not a level\n  hint: write low, medium or high"
            ),
        }
    }

    pub(super) fn log_level(&self) -> anyhow::Result<String> {
        if let Some(level) = self.text("LOG_LEVEL") {
            return Ok(level);
        }
        let debug = self.flag("DEBUG")?.or(self.flag("DEBUG_MODE")?);
        Ok(if debug == Some(true) { "debug" } else { "info" }.to_owned())
    }

    pub(super) fn admin(&self, environment: Environment) -> anyhow::Result<Option<Admin>> {
        let (name, password) = (self.text("ADMIN_USER"), self.secret("ADMIN_PASSWORD")?);
        let (name, password) = match (name, password) {
            (Some(name), Some(password)) => (name, password),
            (None, None) => return Ok(None),
            (Some(_), None) => {
                anyhow::bail!("ADMIN_PASSWORD is missing\n  hint: set it, or leave ADMIN_USER out")
            }
            (None, Some(_)) => {
                anyhow::bail!("ADMIN_USER is missing\n  hint: set it, or leave ADMIN_PASSWORD out")
            }
        };
        anyhow::ensure!(
            environment == Environment::Development
                || password.chars().count() >= MIN_PASSWORD_CHARS,
            "ADMIN_PASSWORD is too short\n  hint: outside development it needs {MIN_PASSWORD_CHARS} \
             characters"
        );
        Ok(Some(Admin { name, password }))
    }

    /// Refuses values that promise what is not there.
    pub(super) fn only(&self, profile: &Profile) -> anyhow::Result<()> {
        for (name, only) in profile.variables.only {
            if let Some(value) = self.text(name) {
                anyhow::ensure!(
                    value == *only,
                    "{name}={value}: is not there\n  hint: the one there is, is {only}"
                );
            }
        }
        Ok(())
    }

    /// What the guide sets and nothing here reads.
    pub(super) fn idle(&self, profile: &Profile) -> Vec<(&'static str, &'static str)> {
        let given = |name: &str| {
            let file = format!("{name}_FILE");
            self.text(name).is_some() || self.text(&file).is_some()
        };
        let idle = profile.variables.idle.iter();
        idle.filter(|(name, _)| given(name)).copied().collect()
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
