//! The sample service of the example stacks.
//!
//! A small honest web service with the shape the guides describe: it has something to deploy, to
//! watch, to back up and to break. It takes WAV recordings, works them off as jobs, and answers
//! with what it measured in them. It holds no model and knows no words.
//!
//! Start reading at `web`, which is what is seen from outside, and `work`, which is what it does.
//! `settings` lists every variable, `profile` what differs from guide to guide.

mod account;
mod audio;
mod bell;
mod faults;
mod health;
mod job;
mod machine;
mod metrics;
mod probe;
mod profile;
mod quota;
mod redis_peer;
mod serve;
mod settings;
mod store;
mod web;
mod work;

use anyhow::Context;
use bell::Bell;
use faults::FaultSwitch;
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
use work::Workshop;

/// For the workers to put their jobs back.
const PUT_BACK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let settings = Settings::read(|name| std::env::var(name).ok());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => settings.and_then(serve_until_stopped),
        ["health"] => settings.and_then(|settings| probe::probe(&settings)),
        _ => Err(anyhow::anyhow!(
            "no such argument\n  hint: `sample-service` serves, `sample-service health` asks one that does"
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ending");
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve_until_stopped(settings: Settings) -> anyhow::Result<()> {
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
    let faults = Arc::new(FaultSwitch::new(settings.faults.clone()));
    serve::start_fault(&settings).await?;
    let stopping = CancellationToken::new();
    let app = Arc::new(assemble(settings, faults.clone(), stopping.clone()).await?);
    let mut workers = workshop(&app).open(&stopping);
    if let Some(admin) = app.settings.admin.clone() {
        tokio::spawn(make_admin(app.store.clone(), admin));
    }
    serve::serve(&app.settings, faults, web::router(app.clone()), stopping).await?;
    let put_back = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(PUT_BACK, put_back).await.is_err() {
        tracing::warn!("a job was not put back; its lease will end");
    }
    tracing::info!("stopped");
    Ok(())
}

async fn assemble(
    settings: Settings,
    faults: Arc<FaultSwitch>,
    stopping: CancellationToken,
) -> anyhow::Result<web::App> {
    let store = Store::open(&settings.database).await.with_context(|| {
        format!(
            "cannot open the {} database\n  hint: look at DATABASE_URL and DATABASE_PATH",
            settings.database.kind()
        )
    })?;
    let redis = settings
        .redis
        .as_ref()
        .map(RedisPeer::new)
        .transpose()?
        .map(Arc::new);
    Ok(web::App {
        faults,
        store: Arc::new(store),
        bell: Bell::hang(redis.clone(), &stopping),
        quota: Quota::new(redis.clone()),
        redis,
        metrics: Arc::new(Metrics::default()),
        uploads: Semaphore::new(web::UPLOADS_AT_A_TIME),
        logins: Semaphore::new(web::LOGINS_AT_A_TIME),
        started: Instant::now(),
        stopping,
        settings,
    })
}

fn workshop(app: &web::App) -> Workshop {
    Workshop {
        store: app.store.clone(),
        bell: app.bell.clone(),
        metrics: app.metrics.clone(),
        settings: app.settings.work,
        instance: app.settings.instance.clone(),
        job_seconds: app.settings.profile.metrics.job_seconds,
    }
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
