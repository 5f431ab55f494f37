//! `serve` and `proxy`: the two planes, in the foreground of this process.

use super::Context;
use crate::arguments::{ProxyArguments, ServeArguments};
use crate::failure::{Failure, Outcome};
use mainstay_server::paths::DataDirectory;
use std::path::Path;

pub fn serve(context: &Context, arguments: &ServeArguments) -> Outcome {
    if arguments.own_session {
        // Fails only where we lead a group already, and then a terminal's end does not reach us.
        let _ = rustix::process::setsid();
    }
    let _directory = data_directory(context, arguments.path.as_deref())?;
    Err(Failure::input("`serve` is not supported yet"))
}

pub fn proxy(context: &Context, arguments: &ProxyArguments) -> Outcome {
    let data = data_directory(context, None)?;
    let options = mainstay_proxy::Options {
        directory: data.root().to_owned(),
        socket: arguments
            .socket
            .clone()
            .unwrap_or_else(|| data.proxy_socket()),
    };
    mainstay_proxy::run(options)
        .map_err(|error| Failure::environment("the proxy did not start").because(&error))
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
