//! Open files that were inherited, kept from the program.
//!
//! Whoever started the server may have left files open for it: a build tool's job server, the pipe
//! of a shell's `|`. A program that outlives the server would hold them open for ever, and
//! whoever waits for the end of such a pipe would wait as long.

use rustix::fd::BorrowedFd;
use rustix::io::{FdFlags, fcntl_setfd};

/// Lets every descriptor but the first three be closed when a program is executed.
pub(crate) fn keep_from_program() {
    let numbers: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // One of them was that of the listing itself, which is closed: that is an error and no harm.
        let _ = fcntl_setfd(borrow(number), FdFlags::CLOEXEC);
    }
}

#[expect(
    unsafe_code,
    reason = "an inherited descriptor has no owner in this program that could lend it"
)]
fn borrow<'a>(number: i32) -> BorrowedFd<'a> {
    // SAFETY: only a flag is set through it, at once, in a process of one thread; the number is not
    // negative.
    unsafe { BorrowedFd::borrow_raw(number) }
}
