//! Other people's programs: found, told about where they are missing, and run with our terminal.

use crate::failure::{Failure, Outcome};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// For a program that only shows something.
const DEADLINE: Duration = Duration::from_secs(120);
/// Bytes that such a program may print.
const MOST: u64 = 256 << 20;

/// The first of these that is on the `PATH`; what is named is taken as it is.
pub fn find(named: Option<&Path>, programs: &[&str], get: &str) -> Outcome<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(named, programs, get, &path)
}

fn find_in(
    named: Option<&Path>,
    programs: &[&str],
    get: &str,
    path: &OsString,
) -> Outcome<PathBuf> {
    if let Some(program) = named {
        if program.is_file() || !program.as_os_str().to_string_lossy().contains('/') {
            return Ok(program.to_owned());
        }
        let message = format!("there is no program `{}`", program.display());
        return Err(Failure::environment(message).hint(get));
    }
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    let candidates = programs
        .iter()
        .flat_map(|program| folders.iter().map(move |folder| folder.join(program)));
    let found = candidates.into_iter().find(|file| file.is_file());
    found.ok_or_else(|| {
        let names = programs.join(" nor ");
        let message = match programs.len() {
            1 => format!("{names} is not installed"),
            _ => format!("neither {names} is installed"),
        };
        Failure::environment(message).hint(get)
    })
}

/// Runs it to its end with our terminal. Ctrl-C is the program's: it ends in its own time. What it
/// answers other than 0 is our exit code.
pub async fn run(program: &Path, arguments: &[String]) -> Outcome {
    let failed = |error: std::io::Error| {
        let message = format!("cannot run `{}`", program.display());
        Failure::environment(message).because(&error)
    };
    let mut child = Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(failed)?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(failed)?,
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    if status.success() {
        return Ok(());
    }
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .and_then(|code| u8::try_from(code).ok());
    Err(Failure::quiet(code.unwrap_or(1)))
}

/// Runs it to its end and answers what it prints; what it has to complain of goes to our standard error.
///
/// # Errors
/// It cannot be run, ends with an error, takes longer than [`DEADLINE`], or prints more than [`MOST`] bytes.
pub async fn answer(program: &Path, arguments: &[String]) -> Outcome<Vec<u8>> {
    let name = program.display();
    let failed = |error: std::io::Error| {
        Failure::environment(format!("cannot run `{name}`")).because(&error)
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut printed = Vec::new();
    let ended = async {
        if let Some(pipe) = child.stdout.take() {
            pipe.take(MOST + 1).read_to_end(&mut printed).await?;
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(DEADLINE, ended).await;
    let Ok(status) = ended else {
        let seconds = DEADLINE.as_secs();
        let message = format!("`{name}` did not answer within {seconds} s");
        return Err(Failure::environment(message));
    };
    let status = status.map_err(failed)?;
    if printed.len() as u64 > MOST {
        return Err(Failure::environment(format!(
            "`{name}` prints more than {MOST} bytes"
        )));
    }
    if status.success() {
        return Ok(printed);
    }
    Err(Failure::environment(format!(
        "`{name} {}`: {status}",
        arguments.join(" ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_missing_is_named_with_how_to_get_it() {
        let nowhere = OsString::from("/nowhere");
        let both = find_in(None, &["terraform", "tofu"], "get it there", &nowhere).unwrap_err();
        assert_eq!(both.message, "neither terraform nor tofu is installed");
        assert_eq!(both.hint.as_deref(), Some("get it there"));
        let one = find_in(None, &["istioctl"], "", &nowhere).unwrap_err();
        assert_eq!(one.message, "istioctl is not installed");
    }

    #[tokio::test]
    async fn arguments_go_through_as_they_are_and_so_does_the_exit_code() {
        let folder = tempfile::tempdir().unwrap();
        // A stand-in that writes down what it is given.
        let program = folder.path().join("stand-in");
        let told = folder.path().join("told");
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\nexit 2\n",
            told.display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let arguments = ["-chdir=a b".to_owned(), "$x".to_owned()];
        let failure = run(&program, &arguments).await.unwrap_err();
        assert_eq!(failure.class, Class::Quiet(2));
        assert_eq!(std::fs::read_to_string(told).unwrap(), "-chdir=a b\n$x\n");
    }
}
