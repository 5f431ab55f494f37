//! The last step before a program: reads an [`Order`], does what it says, becomes the program.
//!
//! It exists because session, limits, user and directory must be set from within the process they
//! are for, and between fork and exec no code of ours may run. See `mainstay_wire::stage`.

use crate::limits;
use crate::program::{self, ProgramError};
use crate::user::{self, Accounts, UserError};
use mainstay_wire::stage::{
    FAILED, Input, LENGTH_DIGITS, MAX_ORDER, NOT_EXECUTABLE, NOT_FOUND, Order,
};
use rustix::fd::OwnedFd;
use rustix::process::Signal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[derive(Debug, thiserror::Error)]
enum StageError {
    #[error("the order on standard input cannot be read: {0}")]
    Order(String),
    #[error("cannot set up the process: {what}: {error}")]
    SetUp {
        what: &'static str,
        error: rustix::io::Errno,
    },
    #[error(transparent)]
    User(#[from] UserError),
    #[error(
        "the working directory `{directory}` cannot be entered: {error}; hint: create it, or correct `working_dir`"
    )]
    WorkingDirectory {
        directory: PathBuf,
        error: rustix::io::Errno,
    },
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("`{program}` cannot be executed: {reason}")]
    Exec { program: PathBuf, reason: String },
    #[error("the parent process has gone")]
    Orphaned,
}

impl StageError {
    fn code(&self) -> u8 {
        match self {
            Self::Program(ProgramError::NotInPath { .. } | ProgramError::NoFile(_)) => NOT_FOUND,
            Self::Program(_) | Self::Exec { .. } => NOT_EXECUTABLE,
            _ => FAILED,
        }
    }
}

/// Returns only where the order could not be carried out.
pub(crate) fn run() -> ExitCode {
    let parent = rustix::process::getppid();
    let order = match read_order() {
        Ok(order) => order,
        Err(error) => return fail(&error, None),
    };
    let report = match order.input {
        Input::Pass => None,
        Input::Report => match take_input() {
            Ok(socket) => Some(socket),
            Err(error) => return fail(&error, None),
        },
    };
    let error = match set_up(&order, parent) {
        Ok(program) => execute(&order, program),
        Err(error) => error,
    };
    fail(&error, report)
}

fn fail(error: &StageError, report: Option<OwnedFd>) -> ExitCode {
    let text = error.to_string();
    // Nobody is left to tell where this fails.
    let _ = match report {
        Some(socket) => rustix::io::write(socket, text.as_bytes()),
        None => rustix::io::write(
            rustix::stdio::stderr(),
            format!("mainstay: {text}\n").as_bytes(),
        ),
    };
    ExitCode::from(error.code())
}

/// Reads no byte beyond the order: what follows belongs to the program.
fn read_order() -> Result<Order, StageError> {
    let digits = read_exactly(LENGTH_DIGITS)?;
    let length = std::str::from_utf8(&digits)
        .ok()
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .filter(|length| *length <= MAX_ORDER)
        .ok_or_else(|| StageError::Order("it does not begin with its length".into()))?;
    serde_json::from_slice(&read_exactly(length)?)
        // The error's own text could quote a secret value.
        .map_err(|error| StageError::Order(format!("line {}: not an order", error.line())))
}

fn read_exactly(length: usize) -> Result<Vec<u8>, StageError> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match rustix::io::read(rustix::stdio::stdin(), &mut bytes[filled..]) {
            Ok(0) => return Err(StageError::Order("it ends too early".into())),
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StageError::Order(error.to_string())),
        }
    }
    Ok(bytes)
}

/// Puts `/dev/null` in place of standard input, and gives back what was there.
fn take_input() -> Result<OwnedFd, StageError> {
    use rustix::fs::{Mode, OFlags};
    let set_up = |error| StageError::SetUp {
        what: "standard input",
        error,
    };
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).map_err(set_up)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(set_up)?;
    rustix::stdio::dup2_stdin(null).map_err(set_up)?;
    Ok(socket)
}

fn set_up(order: &Order, parent: Option<rustix::process::Pid>) -> Result<PathBuf, StageError> {
    let set_up = |what| move |error| StageError::SetUp { what, error };
    rustix::process::setsid().map_err(set_up("a session of its own"))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // Before the limits, which could leave no file to be opened, and they before the user, who may
    // not raise them.
    let identity =
        Accounts::read(Path::new("/etc")).resolve(order.user.as_deref(), order.group.as_deref())?;
    limits::apply(&order.limits).map_err(set_up("limits"))?;
    if let Some(identity) = identity {
        // Else the program could not open /dev/stdout by name.
        for output in [rustix::stdio::stdout(), rustix::stdio::stderr()] {
            let _ = rustix::fs::fchown(output, Some(identity.uid), Some(identity.gid));
        }
        user::become_user(&identity)?;
    }
    if order.input == Input::Report {
        die_with(parent)?;
    }
    rustix::process::chdir(&order.working_directory).map_err(|error| {
        StageError::WorkingDirectory {
            directory: order.working_directory.clone(),
            error,
        }
    })?;
    let name = order.command.first().map_or("", String::as_str);
    let path = order
        .environment
        .get("PATH")
        .map(|path| path.expose().as_str());
    Ok(program::find(name, path)?)
}

/// The instance must not outlive its shim: a restart could not tell that it is still there.
/// After the change of user, which would take it back.
fn die_with(parent: Option<rustix::process::Pid>) -> Result<(), StageError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| {
        StageError::SetUp {
            what: "end with the shim",
            error,
        }
    })?;
    if rustix::process::getppid() == parent {
        Ok(())
    } else {
        Err(StageError::Orphaned)
    }
}

fn execute(order: &Order, program: PathBuf) -> StageError {
    let mut command = Command::new(&program);
    command
        .arg0(&order.command[0])
        .args(&order.command[1..])
        .env_clear()
        .envs(
            order
                .environment
                .iter()
                .map(|(name, value)| (name, value.expose())),
        );
    let error = command.exec();
    let reason = match error
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error)
    {
        Some(rustix::io::Errno::NOEXEC) => {
            "it is neither a program of this machine nor does it begin with `#!`".to_owned()
        }
        Some(rustix::io::Errno::NOENT) => {
            "the interpreter in its first line, or its loader, does not exist".to_owned()
        }
        _ => error.to_string(),
    };
    StageError::Exec { program, reason }
}
