//! The shim: the parent process of one instance of the process target.
//!
//! The control plane starts one shim for each run of an instance, hands it a
//! [`Launch`](mainstay_wire::shim::Launch) on standard input, and may then be killed, upgraded or
//! wedged: the shim keeps the instance's output flowing into its log, notes how it ended, and ends
//! everything the instance leaves behind. The next control plane finds it by its record on disk
//! and speaks to it on its socket.
//!
//! Tour: [`run`] reads the launch (`start`), starts the program (`launch`, `stage`) and turns the
//! loop (`serve`). What to do when is decided in `lifecycle`, which knows neither clock nor process.
//!
//! **Invariants:** one thread, no async runtime, below 4 MB of memory. What is on disk is true
//! before it is acted upon. A signal goes only to a process that was just seen below this one.
//! The instance never waits for the log: where it cannot be written, lines are counted and dropped.
//!
//! It does not restart anything and knows nothing of health: that is the control plane's.

mod cgroup;
mod clock;
mod descendants;
mod descriptors;
mod files;
mod launch;
mod lifecycle;
mod limits;
mod lines;
mod log;
mod memory;
mod program;
mod record;
mod serve;
mod signals;
mod socket;
mod stage;
mod start;
mod user;

use std::process::ExitCode;

/// Runs a shim, or the last step before a program where the environment asks for that
/// ([`mainstay_wire::stage::VARIABLE`]). The first thing of its process: no thread may run yet.
///
/// The process's own arguments are used again for the second case, so they must lead here again.
pub fn run() -> ExitCode {
    descriptors::keep_from_program();
    if std::env::var_os(mainstay_wire::stage::VARIABLE).is_some() {
        return stage::run();
    }
    match start::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_reported) => ExitCode::FAILURE,
    }
}
