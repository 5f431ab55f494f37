//! `serve` and `proxy`: the two planes, in the foreground of this process.

use super::{Context, serving};
use crate::arguments::{AlertmanagerArguments, ProxyArguments, ServeArguments};
use crate::failure::{Failure, Outcome};
use mainstay_server::paths::DataDirectory;
use mainstay_server::{AlertmanagerOptions, ServeError, ServeOptions};
use std::path::Path;
use tracing_subscriber::EnvFilter;

pub fn serve(context: &Context, arguments: &ServeArguments) -> Outcome {
    let data = data_directory(context, arguments.path.as_deref())?;
    if arguments.check {
        return serving::check(context, &data);
    }
    if arguments.background {
        // Fails only where we lead a group already, and then a terminal's end does not reach us.
        let _ = rustix::process::setsid();
    }
    let file = serving::file(context, &data)?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::environment("cannot find this program").because(&error))?;
    log(file.log.as_deref());
    let options = ServeOptions {
        directory: data.root().to_owned(),
        program,
        api: arguments.api,
        proxy: arguments.proxy,
        file,
        background: arguments.background,
    };
    mainstay_server::serve(options).map_err(|error| {
        let running = matches!(error, ServeError::Running { .. });
        let failure = Failure::environment("the server did not start").because(&error);
        if running {
            failure.hint("use that one: mainstay status; or give another data directory")
        } else {
            failure
        }
    })
}

pub fn proxy(context: &Context, arguments: &ProxyArguments) -> Outcome {
    let data = data_directory(context, None)?;
    log(None);
    let socket = arguments.socket.clone();
    let options = mainstay_proxy::Options {
        directory: data.root().to_owned(),
        socket: socket.unwrap_or_else(|| data.proxy_socket()),
    };
    mainstay_proxy::run(options)
        .map_err(|error| Failure::environment("the proxy did not start").because(&error))
}

pub fn alertmanager(context: &Context, arguments: &AlertmanagerArguments) -> Outcome {
    let problems = mainstay_server::alertmanager_problems(&arguments.configuration);
    let wrong = problems.has_errors();
    if wrong {
        return Err(Failure::input("the configuration cannot be used").problems(problems));
    }
    if arguments.check {
        for problem in &problems {
            context.output.warning(&problem.to_string());
        }
        return context.output.data("the configuration is right");
    }
    log(Some(&arguments.log_level));
    let options = AlertmanagerOptions {
        configuration: arguments.configuration.clone(),
        storage: arguments.storage.clone(),
        listen: arguments.listen,
        external_url: arguments.external_url.clone(),
        prefix: arguments.prefix.clone(),
    };
    mainstay_server::serve_alertmanager(options)
        .map_err(|error| Failure::environment("it did not start").because(&error))
}

/// `--directory` names a data directory itself, DIR that of a stack.
fn data_directory(context: &Context, stack: Option<&Path>) -> Outcome<DataDirectory> {
    let data = match (stack, &context.global.directory) {
        (Some(stack), _) => DataDirectory::of_stack(stack),
        (None, Some(data)) => DataDirectory::new(data),
        (None, None) => DataDirectory::of_stack(Path::new(".")),
    };
    data.map_err(|error| Failure::environment("cannot find the data directory").because(&error))
}

/// JSON lines on standard error; `MAINSTAY_LOG` filters them (`debug`, `mainstay_server=trace`).
fn log(level: Option<&str>) {
    let filter = EnvFilter::try_from_env("MAINSTAY_LOG")
        .unwrap_or_else(|_| EnvFilter::new(level.unwrap_or("info")));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second one would be a bug of ours, and no reason not to serve.
    let _ = subscriber.try_init();
}
