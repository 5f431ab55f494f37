//! Everything the service takes from its environment, read once at the start.
//!
//! **Invariant:** nothing else in this package reads a variable, so this file is the whole list.
//! A value that cannot be used ends the start with its name, its value and what would do; a
//! secret's value is left out.

use crate::faults::{Faults, StartFault};
use crate::profile::{self, Profile};
use crate::store::Location;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// Shorter passwords are for a laptop only.
const MIN_PASSWORD_CHARS: usize = 12;

/// The variables, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `SAMPLE_PROFILE`: which guide's names to use.
    pub(crate) profile: &'static Profile,
    /// `HOST`, `PORT`
    pub(crate) listen: SocketAddr,
    /// `MAINSTAY_RELEASE`: the release this instance belongs to (`r12`), `dev` when nobody said.
    pub(crate) release: String,
    /// `MAINSTAY_INSTANCE`
    pub(crate) instance: String,
    /// `ENVIRONMENT`
    pub(crate) environment: Environment,
    /// `DATABASE_URL`, or `DATABASE_PATH` for a SQLite file
    pub(crate) database: Location,
    /// `REDIS_URL`
    pub(crate) redis: Option<RedisUrl>,
    /// `ADMIN_USER`, `ADMIN_PASSWORD`: made or renewed at the start
    pub(crate) admin: Option<Admin>,
    /// `SESSION_TIME`: from log-in until the token is worth nothing
    pub(crate) session_time: Duration,
    /// `MAX_UPLOAD_BYTES`
    pub(crate) max_upload_bytes: u64,
    /// `UPLOADS_PER_MINUTE`: of one user; 0 is no limit
    pub(crate) uploads_per_minute: u64,
    pub(crate) work: Work,
    /// `LOG_LEVEL`: as tracing's filters are written; `info`
    pub(crate) log_level: String,
    /// `GREETING`: shown on the page and in `/status`, to see a release change something
    pub(crate) greeting: String,
    /// `MEMORY_LIMIT_BYTES`: what `/health` compares the process with, else the machine's memory
    pub(crate) memory_limit_bytes: Option<u64>,
    /// `FAULT_*`
    pub(crate) faults: Faults,
    /// `FAULT_START`
    pub(crate) start_fault: Option<StartFault>,
    /// `FAULTS_ENABLED`: whether faults can be set while running
    pub(crate) faults_enabled: bool,
    /// `LAME_DUCK`: from SIGTERM until connections are refused; requests are served meanwhile
    pub(crate) lame_duck: Duration,
    /// `SHUTDOWN_DEADLINE`: from then until requests in flight are cut off
    pub(crate) shutdown_deadline: Duration,
}

/// How the queue is worked off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// `WORKERS`: jobs at a time; 0 only takes jobs in.
    pub(crate) workers: u32,
    /// `WORK_PACE`: rest after each second of a recording. A model would take its time; this
    /// makes progress, load and a queue visible without one.
    pub(crate) pace: Duration,
    /// `JOB_LEASE`: a worker not heard of for this long has lost its job.
    pub(crate) lease: Duration,
}

/// What kind of place this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// Nobody needs to log in, short passwords and faults are allowed.
    Development,
    Other,
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dev" | "development" => Ok(Self::Development),
            "staging" | "production" | "dr" | "test" => Ok(Self::Other),
            _ => Err(
                "no such environment\n  hint: write development, staging, production, dr or test",
            ),
        }
    }
}

/// An address that may hold a password: not printed.
#[derive(Clone)]
pub(crate) struct RedisUrl(pub(crate) String);

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisUrl(…)")
    }
}

/// The first user; the password is not printed.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Admin({})", self.name)
    }
}

impl Settings {
    /// Reads the variables through `lookup`, which is the process environment but for tests.
    ///
    /// # Errors
    /// Names the first variable that cannot be used.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let vars = Variables { lookup };
        let profile = match vars.text("SAMPLE_PROFILE") {
            Some(name) => Profile::named(&name)
                .map_err(|error| anyhow::anyhow!("SAMPLE_PROFILE={name}: {error}"))?,
            None => profile::ALL[0],
        };
        let environment = vars
            .parse(profile.variables.environment)?
            .unwrap_or(Environment::Development);
        let settings = Self {
            profile,
            environment,
            listen: SocketAddr::new(
                vars.parse("HOST")?
                    .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                vars.parse("PORT")?.unwrap_or(8000),
            ),
            release: vars.text("MAINSTAY_RELEASE").unwrap_or("dev".into()),
            instance: vars
                .text("MAINSTAY_INSTANCE")
                .unwrap_or_else(|| format!("pid-{}", std::process::id())),
            database: vars.database(profile)?,
            redis: vars.text(profile.variables.redis_url).map(RedisUrl),
            admin: vars.admin(environment)?,
            session_time: vars.duration_or("SESSION_TIME", Duration::from_hours(12))?,
            max_upload_bytes: vars.parse("MAX_UPLOAD_BYTES")?.unwrap_or(32 * MIB),
            uploads_per_minute: vars.parse("UPLOADS_PER_MINUTE")?.unwrap_or(0),
            work: Work {
                workers: vars.parse("WORKERS")?.unwrap_or(1),
                pace: vars.duration_or("WORK_PACE", Duration::ZERO)?,
                lease: vars.duration_or("JOB_LEASE", Duration::from_secs(10))?,
            },
            log_level: vars.text("LOG_LEVEL").unwrap_or("info".into()),
            greeting: vars.text("GREETING").unwrap_or_default(),
            memory_limit_bytes: vars.parse("MEMORY_LIMIT_BYTES")?,
            faults: Faults::read(&vars)?,
            start_fault: vars.parse("FAULT_START")?,
            faults_enabled: vars.flag("FAULTS_ENABLED")?.unwrap_or(false),
            lame_duck: vars.duration_or("LAME_DUCK", Duration::from_millis(100))?,
            shutdown_deadline: vars.duration_or("SHUTDOWN_DEADLINE", Duration::from_secs(25))?,
        };
        anyhow::ensure!(
            !settings.faults_enabled || environment == Environment::Development,
            "FAULTS_ENABLED=true: anybody could break the service\n  hint: faults can be set while \
             running in development only; elsewhere use FAULT_* variables"
        );
        Ok(settings)
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

    fn duration_or(&self, name: &str, default: Duration) -> anyhow::Result<Duration> {
        Ok(self.duration(name)?.unwrap_or(default))
    }

    fn database(&self, profile: &Profile) -> anyhow::Result<Location> {
        let names = &profile.variables;
        if let Some(url) = self.text(names.database_url) {
            return Ok(Location::parse(&url)?);
        }
        let path = self.text(names.database_path);
        Ok(Location::Sqlite(
            path.unwrap_or_else(|| format!("./data/{}.db", profile.name))
                .into(),
        ))
    }

    fn admin(&self, environment: Environment) -> anyhow::Result<Option<Admin>> {
        let (name, password) = (self.text("ADMIN_USER"), self.text("ADMIN_PASSWORD"));
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
pub(crate) mod tests {
    use super::*;

    pub(crate) fn read(pairs: &[(&str, &str)]) -> anyhow::Result<Settings> {
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
        assert_eq!(
            settings.database,
            Location::Sqlite("./data/whisper-transcriber.db".into())
        );
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
            ("ENVIRONMENT", "moon"),
            ("SAMPLE_PROFILE", "none"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}={value}")), "{error}");
        }
    }

    #[test]
    fn what_is_secret_is_not_printed() {
        let settings = read(&[
            ("DATABASE_URL", "postgresql://me:hunter2@db/x"),
            ("REDIS_URL", "redis://:hunter2@cache"),
            ("ADMIN_USER", "me"),
            ("ADMIN_PASSWORD", "hunter2"),
        ])
        .unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        let error = read(&[("DATABASE_URL", "mysql://me:hunter2@db/x")]).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn what_a_laptop_may_production_may_not() {
        for pairs in [
            [("ADMIN_USER", "admin"), ("ADMIN_PASSWORD", "admin")].as_slice(),
            &[("FAULTS_ENABLED", "true")],
        ] {
            assert!(read(pairs).is_ok());
            let production = [pairs, &[("ENVIRONMENT", "production")]].concat();
            assert!(read(&production).is_err(), "{production:?}");
        }
    }
}
