//! One verb each: ask, then render. What is shared by several stands above this folder.

mod alerts;
mod approve;
mod backup;
mod certificates;
mod debug;
mod deploy;
mod doctor;
mod environments;
mod events;
mod exec;
mod files;
mod forward;
mod health;
mod image;
mod infra;
mod install;
mod logs;
mod look;
mod mesh;
mod metrics;
mod operate;
mod processes;
mod promote;
mod recover;
mod render;
mod rules;
mod secret;
mod serving;
mod token;
mod up;

pub use debug::Found;
pub use environments::Difference;

use crate::arguments::{Cli, Command, Global, StackArguments};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::output::Output;
use clap::CommandFactory;
use std::future::Future;
use std::path::{Path, PathBuf};

/// What every verb gets.
#[derive(Debug, Clone)]
pub struct Context {
    pub global: Global,
    /// Compose files named before the verb.
    pub files: Vec<PathBuf>,
    pub output: Output,
}

impl Context {
    /// Where a command works; `directory` is its own argument.
    pub fn place(&self, directory: Option<&Path>) -> Outcome<Place> {
        Place::new(&self.global, directory, self.files.clone())
    }

    /// The same for a command that reads the stack's files.
    pub fn stack_place(&self, arguments: &StackArguments) -> Outcome<Place> {
        let mut files = self.files.clone();
        files.extend(arguments.files.iter().cloned());
        Place::new(&self.global, arguments.path.as_deref(), files)
    }
}

/// Does what was typed.
pub fn run(cli: Cli, output: Output) -> Outcome {
    let context = Context {
        global: cli.global,
        files: cli.files,
        output,
    };
    match cli.command {
        // Processes with runtimes of their own.
        Command::Serve(arguments) => processes::serve(&context, &arguments),
        Command::Alertmanager(arguments) => processes::alertmanager(&context, &arguments),
        Command::Proxy(arguments) => processes::proxy(&context, &arguments),
        Command::BackupWorker => Err(Failure::bug("a worker was started as a command")),
        Command::Shim { .. } => Err(Failure::bug("a shim was started as a command")),
        // Nothing but files.
        Command::Config(arguments) => files::config(&context, &arguments),
        Command::Init(arguments) => files::init(&context, &arguments),
        Command::Schema => files::schema(&context),
        Command::Render(arguments) => render::render(&context, &arguments),
        Command::Install(arguments) => install::install(&context, &arguments),
        Command::Completions(arguments) => completions(&context, arguments.shell),
        other => block_on(ask(context, other)),
    }
}

async fn ask(context: Context, command: Command) -> Outcome {
    match command {
        Command::Check(arguments) => files::check(&context, &arguments).await,
        Command::Up(arguments) => Box::pin(up::up(&context, arguments)).await,
        Command::Down(arguments) => operate::down(&context, arguments.path.as_deref()).await,
        Command::Deploy(arguments) => Box::pin(deploy::deploy(&context, &arguments)).await,
        Command::Promote(arguments) => Box::pin(promote::promote(&context, &arguments)).await,
        Command::Approve(arguments) => approve::approve(&context, arguments).await,
        Command::Reject(arguments) => approve::reject(&context, arguments).await,
        Command::Rollback(arguments) => operate::rollback(&context, arguments).await,
        Command::Scale(arguments) => operate::scale(&context, arguments).await,
        Command::Restart(arguments) => operate::restart(&context, arguments).await,
        Command::Releases(arguments) => look::releases(&context, arguments.command).await,
        Command::Rollout(arguments) => look::rollout(&context, arguments.command).await,
        Command::Env(arguments) => environments::env(&context, arguments.command).await,
        Command::Status(arguments) => look::status(&context, arguments.path.as_deref()).await,
        Command::Ps(arguments) => look::ps(&context, arguments.path.as_deref()).await,
        Command::Logs(arguments) => logs::logs(&context, &arguments).await,
        Command::Exec(arguments) => exec::exec(&context, arguments).await,
        Command::Debug(arguments) => debug::debug(&context, &arguments).await,
        Command::PortForward(arguments) => forward::forward(&context, &arguments).await,
        Command::Query(arguments) => metrics::query(&context, &arguments).await,
        Command::Targets(arguments) => metrics::targets(&context, &arguments).await,
        Command::Metrics(arguments) => metrics::metrics(&context, &arguments.command).await,
        Command::Health(arguments) => health::health(&context, &arguments).await,
        Command::Rules(arguments) => rules::rules(&context, &arguments.command).await,
        Command::Alerts(arguments) => alerts::alerts(&context, arguments.command).await,
        Command::OnCall(arguments) => alerts::on_call(&context, arguments.at.as_deref()).await,
        Command::Silence(arguments) => alerts::silence(&context, arguments.command).await,
        Command::Backup(arguments) => backup::backup(&context, arguments.command).await,
        Command::Restore(arguments) => backup::restore(&context, arguments).await,
        Command::Recover(arguments) => Box::pin(recover::recover(&context, arguments)).await,
        Command::Events(arguments) => events::events(&context, &arguments).await,
        Command::Journal(_verify) => events::verify(&context).await,
        Command::Infra(arguments) => infra::infra(&context, &arguments.command).await,
        Command::Mesh(arguments) => mesh::mesh(&context, &arguments.command).await,
        Command::Doctor(arguments) => doctor::doctor(&context, arguments.path.as_deref()).await,
        Command::Certificates(arguments) => {
            certificates::certificates(&context, arguments.command).await
        }
        Command::Uninstall(arguments) => install::uninstall(&context, &arguments).await,
        Command::Secret(arguments) => Box::pin(secret::secret(&context, arguments.command)).await,
        Command::Image(arguments) => image::image(&context, arguments).await,
        Command::Token(arguments) => token::token(&context, arguments.command).await,
        _ => Err(Failure::bug(
            "a command that needs no server was asked of one",
        )),
    }
}

/// One thread is enough for a client, and quick to start.
fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment("cannot start").because(&error))?;
    runtime.block_on(work)
}

fn completions(context: &Context, shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mainstay", &mut script);
    context.output.bytes(&script)
}
