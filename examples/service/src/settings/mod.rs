//! Everything the service takes from its environment, read once at the start.
//!
//! **Invariant:** nothing else in this package reads a variable, so this folder is the whole list.
//! A name that one guide uses means the same in every profile; only defaults, and the name of the
//! variable that tells the environment, differ. A value that cannot be used ends the start with
//! its name, its value and what would do; a secret's value is left out. A secret may also stand
//! in a file that `NAME_FILE` names, as Compose and Kubernetes mount it.

mod peers;
mod variables;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use peers::{Peers, RedisUrl};
pub(crate) use variables::{Variables, parse_duration};

use crate::faults::{Faults, StartFault};
use crate::profile::{self, Profile};
use crate::store::Location;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// The variables, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `SAMPLE_PROFILE`: which guide's service to be.
    pub(crate) profile: &'static Profile,
    /// `HOST`, `PORT`
    pub(crate) listen: SocketAddr,
    /// `METRICS_PORT`: one of its own for scrapes, where the guide has it; `off` is none
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// `METRICS_ENABLED`, `MONITORING_ENABLED`
    pub(crate) metrics_enabled: bool,
    /// `MAINSTAY_RELEASE`: the release this instance belongs to (`r12`), `dev` when nobody said.
    pub(crate) release: String,
    /// `MAINSTAY_INSTANCE`
    pub(crate) instance: String,
    /// `ENVIRONMENT`, `ENV_MODE` or `NODE_ENV`
    pub(crate) environment: Environment,
    /// `DATABASE_URL`, `POSTGRES_*`, or `DATABASE_PATH` for a SQLite file
    pub(crate) database: Location,
    /// `DATABASE_POOL_SIZE`: connections to PostgreSQL at most
    pub(crate) pool_size: u32,
    /// `REDIS_URL` or `REDIS_*`
    pub(crate) redis: Option<RedisUrl>,
    pub(crate) peers: Peers,
    /// `ADMIN_USER`, `ADMIN_PASSWORD`: made or renewed at the start
    pub(crate) admin: Option<Admin>,
    /// `SESSION_TIME`: from log-in until the token is worth nothing
    pub(crate) session_time: Duration,
    /// `CORS_ORIGINS`: whose pages may call the API from a browser
    pub(crate) cors_origins: Vec<String>,
    /// `ENCRYPTION_KEY`: what memories are sealed under; 32 bytes
    pub(crate) encryption_key: Option<EncryptionKey>,
    /// `ENABLE_MEMORY_OPTIMIZATION`, `MEMORY_OPTIMIZATION_LEVEL`: how many memories of one user
    /// the bot looks through
    pub(crate) memory_depth: u32,
    pub(crate) frontend: Frontend,
    /// `MAX_UPLOAD_BYTES`
    pub(crate) max_upload_bytes: u64,
    /// `UPLOADS_PER_MINUTE`: of one user; 0 is no limit
    pub(crate) uploads_per_minute: u64,
    pub(crate) work: Work,
    /// `LOG_LEVEL`: as tracing's filters are written; `info`, or `debug` with `DEBUG=true`
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
    /// Variables that the guide sets and that do nothing here: name and why.
    pub(crate) idle: Vec<(&'static str, &'static str)>,
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

/// What the page is told, by the names of the build tool that the guide uses.
#[derive(Debug, Clone)]
pub(crate) struct Frontend {
    /// `VITE_API_URL`: `/` is the page's own origin
    pub(crate) api_url: String,
    /// `VITE_APP_ENV`: shown
    pub(crate) app_env: String,
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
            "staging" | "production" | "dr" | "recovery" | "test" => Ok(Self::Other),
            _ => Err(
                "no such environment\n  hint: write development, staging, production, dr or test",
            ),
        }
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

/// Not printed.
#[derive(Clone, Copy)]
pub(crate) struct EncryptionKey(pub(crate) [u8; 32]);

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncryptionKey(…)")
    }
}

impl Settings {
    /// Reads the variables through `lookup`, which is the process environment but for tests.
    ///
    /// # Errors
    /// Names the first variable that cannot be used.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let vars = Variables::new(lookup);
        let profile = match vars.text("SAMPLE_PROFILE") {
            Some(name) => Profile::named(&name)
                .map_err(|error| anyhow::anyhow!("SAMPLE_PROFILE={name}: {error}"))?,
            None => profile::ALL[0],
        };
        let environment = vars
            .parse(profile.variables.environment)?
            .unwrap_or(profile.variables.default_environment);
        let host = vars
            .parse("HOST")?
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let settings = Self {
            profile,
            environment,
            listen: SocketAddr::new(host, vars.parse("PORT")?.unwrap_or(profile.port)),
            metrics_listen: vars.metrics_listen(host, profile)?,
            metrics_enabled: vars
                .flag(profile.variables.metrics_enabled)?
                .unwrap_or(true),
            release: vars.text("MAINSTAY_RELEASE").unwrap_or("dev".into()),
            instance: vars
                .text("MAINSTAY_INSTANCE")
                .unwrap_or_else(|| format!("pid-{}", std::process::id())),
            database: vars.database(profile)?,
            pool_size: vars.pool_size()?,
            redis: vars.redis()?,
            peers: Peers::read(&vars)?,
            admin: vars.admin(environment)?,
            session_time: vars.duration_or("SESSION_TIME", Duration::from_hours(12))?,
            cors_origins: vars.cors_origins(profile),
            encryption_key: vars.encryption_key()?,
            memory_depth: vars.memory_depth()?,
            frontend: Frontend {
                api_url: vars
                    .text("VITE_API_URL")
                    .unwrap_or("http://localhost:4000".into()),
                app_env: vars.text("VITE_APP_ENV").unwrap_or("production".into()),
            },
            max_upload_bytes: vars.parse("MAX_UPLOAD_BYTES")?.unwrap_or(32 * MIB),
            uploads_per_minute: vars.parse("UPLOADS_PER_MINUTE")?.unwrap_or(0),
            work: Work {
                workers: vars.parse("WORKERS")?.unwrap_or(1),
                pace: vars.duration_or("WORK_PACE", Duration::ZERO)?,
                lease: vars.duration_or("JOB_LEASE", Duration::from_secs(10))?,
            },
            log_level: vars.log_level()?,
            greeting: vars.text("GREETING").unwrap_or_default(),
            memory_limit_bytes: vars.parse("MEMORY_LIMIT_BYTES")?,
            faults: Faults::read(&vars)?,
            start_fault: vars.parse("FAULT_START")?,
            faults_enabled: vars.flag("FAULTS_ENABLED")?.unwrap_or(false),
            lame_duck: vars.duration_or("LAME_DUCK", Duration::from_millis(100))?,
            shutdown_deadline: vars.duration_or("SHUTDOWN_DEADLINE", Duration::from_secs(25))?,
            idle: vars.idle(profile),
        };
        vars.only(profile)?;
        anyhow::ensure!(
            !settings.faults_enabled || environment == Environment::Development,
            "FAULTS_ENABLED=true: anybody could break the service\n  hint: faults can be set while \
             running in development only; elsewhere use FAULT_* variables"
        );
        Ok(settings)
    }
}
