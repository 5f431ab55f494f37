//! The sample service of the example stacks.
//!
//! Small honest web services with the shapes the guides describe: something to deploy, to watch,
//! to back up and to break. One of them takes WAV recordings and answers with what it measured in
//! them, another is a bot, others keep memories, echo, or search documents. None holds a model.
//!
//! Start reading at `profile`: what each of them is. `web` is what all of them show to the
//! outside, `settings` lists every variable, `stand_in` plays the third parties.

mod account;
mod app;
mod cache;
mod faults;
mod frontend;
mod health;
mod latency;
mod machine;
mod metrics;
mod moment;
mod probe;
mod profile;
mod quota;
mod reach;
mod redis_peer;
mod serve;
mod settings;
mod stand_in;
mod store;
mod web;

use anyhow::Context;
use app::App;
use faults::FaultSwitch;
use latency::Latency;
use metrics::Metrics;
use quota::Quota;
use redis_peer::RedisPeer;
use settings::{Admin, Settings};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Store, User};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// For the workers to put their work back.
const PUT_BACK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let settings = Settings::read(|name| std::env::var(name).ok());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = settings.and_then(|settings| match arguments[..] {
        [] => block_on(settings, run),
        ["frontend"] => block_on(settings, frontend::run),
        ["stand-in", who] => block_on(settings, |settings| stand_in::run(who.to_owned(), settings)),
        ["health"] => probe::probe(&settings, probe::path_of(&settings)),
        ["health", path] => probe::probe(&settings, path),
        _ => Err(anyhow::anyhow!(
            "no such argument\n  hint: `sample-service` serves, `frontend` serves its page, \
             `stand-in discord`, `vector-store` or `llm` plays a third party, `health [PATH]` asks \
             one that runs"
        )),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ending");
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on<F: Future<Output = anyhow::Result<()>>>(
    settings: Settings,
    run: impl FnOnce(Settings) -> F,
) -> anyhow::Result<()> {
    log_to_stdout(&settings.log_level)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(settings))
}

/// One JSON object a line (RFC 8259), for whoever collects standard output.
fn log_to_stdout(level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level)
        .with_context(|| format!("LOG_LEVEL={level}: not a level\n  hint: write info or debug"))?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .init();
    Ok(())
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    for (name, why) in &settings.idle {
        tracing::warn!(name, why, "a variable that does nothing here");
    }
    let faults = Arc::new(FaultSwitch::new(settings.faults.clone()));
    serve::start_fault(&settings).await?;
    let stopping = CancellationToken::new();
    let app = Arc::new(assemble(settings, faults.clone(), stopping.clone()).await?);
    let part: Arc<dyn profile::Part> = (app.settings.profile.part)(&app).into();
    let mut workers = part.work(&stopping);
    if let Some(admin) = app.settings.admin.clone() {
        tokio::spawn(make_admin(app.store.clone(), admin));
    }
    let whole = web::Whole {
        app: app.clone(),
        part,
    };
    let routers = serve::Routers {
        main: web::router(&whole),
        metrics: web::metrics_router(&whole),
    };
    serve::serve(&app.settings, faults, routers, stopping).await?;
    let put_back = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(PUT_BACK, put_back).await.is_err() {
        tracing::warn!("some work was not put back; its lease will end");
    }
    tracing::info!("stopped");
    Ok(())
}

async fn assemble(
    settings: Settings,
    faults: Arc<FaultSwitch>,
    stopping: CancellationToken,
) -> anyhow::Result<App> {
    let schema = settings.profile.schema;
    let opened = Store::open(&settings.database, schema, settings.pool_size).await;
    let store = opened.with_context(|| {
        format!(
            "cannot open the {} database\n  hint: look at DATABASE_URL, POSTGRES_HOST and \
             DATABASE_PATH",
            settings.database.kind()
        )
    })?;
    let redis = settings
        .redis
        .as_ref()
        .map(RedisPeer::new)
        .transpose()?
        .map(Arc::new);
    Ok(App {
        faults,
        store: Arc::new(store),
        quota: Quota::new(redis.clone()),
        redis,
        metrics: Arc::new(Metrics::default()),
        latency: Latency::default(),
        logins: Semaphore::new(web::LOGINS_AT_A_TIME),
        started: Instant::now(),
        stopping,
        settings,
    })
}

/// Makes or renews the user that the variables name. Beside the start: the hash takes its time.
async fn make_admin(store: Arc<Store>, admin: Admin) {
    let name = admin.name.clone();
    let hashed = tokio::task::spawn_blocking(move || account::hash_password(&admin.password)).await;
    let Ok(Ok(password)) = hashed else {
        tracing::error!(name, "cannot hash the admin's password");
        return;
    };
    let user = User {
        name,
        password,
        admin: true,
    };
    match store.put_user(&user).await {
        Ok(()) => tracing::info!(name = user.name, "admin made"),
        Err(error) => tracing::error!(name = user.name, %error, "cannot make the admin"),
    }
}
