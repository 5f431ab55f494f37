//! Processes and signals in words and numbers: what both sides read from `/proc` and name alike.
//!
//! Pure text work, so that the shim and the control plane cannot disagree about who a process is:
//! the reading of the files is theirs.

use crate::shim::Process;

/// One line of `/proc/PID/stat` (proc(5)), as far as somebody here asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub process: Process,
    pub parent: i32,
    pub group: i32,
    /// 0 where its leader is outside of our pid namespace.
    pub session: i32,
    /// `R`, `S`, `D`, `Z` …
    pub state: char,
    /// Own and waited-for children's time in user and kernel mode, in clock ticks.
    pub cpu_ticks: u64,
    /// Of these, those in user mode.
    pub user_ticks: u64,
    pub threads: u64,
    /// Resident pages.
    pub resident_pages: u64,
}

impl Stat {
    /// `None` where the text is not such a line.
    ///
    /// The command name (field 2) may hold spaces and brackets, so the fields are counted from
    /// its last bracket.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(')')?;
        let pid = head.split_once('(')?.0.trim().parse().ok()?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        // `tail` starts with field 3.
        let field = |number: usize| fields.get(number - 3);
        let number = |at: usize| field(at)?.parse::<u64>().ok();
        Some(Self {
            process: Process {
                pid,
                start_ticks: number(22)?,
            },
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            state: field(3)?.chars().next()?,
            cpu_ticks: number(14)? + number(15)? + number(16)? + number(17)?,
            user_ticks: number(14)? + number(16)?,
            threads: number(20)?,
            resident_pages: number(24)?,
        })
    }

    /// Ended, and only waits to be reaped.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Linux signal numbers on x86_64 and aarch64 (signal(7)).
const SIGNALS: [(&str, i32); 31] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGSTKFLT", 16),
    ("SIGCHLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("SIGTTIN", 21),
    ("SIGTTOU", 22),
    ("SIGURG", 23),
    ("SIGXCPU", 24),
    ("SIGXFSZ", 25),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGWINCH", 28),
    ("SIGIO", 29),
    ("SIGPWR", 30),
    ("SIGSYS", 31),
];

/// `SIGTERM`, `TERM`, `sigterm` or `15`, as Compose's `stop_signal` allows.
pub fn signal_number(text: &str) -> Option<i32> {
    let upper = text.trim().to_ascii_uppercase();
    SIGNALS
        .iter()
        .find(|(name, number)| upper == *name || upper == name[3..] || upper.parse() == Ok(*number))
        .map(|(_, number)| *number)
}

/// `SIGTERM` for 15; numbers without a name stand as `signal 40`.
pub fn signal_name(number: i32) -> String {
    SIGNALS
        .iter()
        .find(|(_, known)| *known == number)
        .map_or_else(
            || format!("signal {number}"),
            |(name, _)| (*name).to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_cannot_shift_the_fields() {
        let tail = "S 7 8 9 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 12345 1000 77 1844";
        for name in ["sh", "a b", "x) R 1 1", "((("] {
            let stat = Stat::parse(&format!("42 ({name}) {tail}")).unwrap();
            assert_eq!(stat.process.pid, 42, "{name}");
            assert_eq!(stat.process.start_ticks, 12345, "{name}");
            assert_eq!((stat.parent, stat.group, stat.state), (7, 8, 'S'), "{name}");
            assert_eq!((stat.cpu_ticks, stat.resident_pages), (100, 77), "{name}");
        }
        for bad in ["", "42", "42 (sh", "42 (sh) S", "x (sh) S 1 1"] {
            assert_eq!(Stat::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn signals_are_called_in_several_ways() {
        for text in ["SIGTERM", "TERM", "sigterm", "15"] {
            assert_eq!(signal_number(text), Some(15), "{text}");
        }
        for bad in ["", "SIG", "0", "99", "TERMINATE"] {
            assert_eq!(signal_number(bad), None, "{bad}");
        }
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(40), "signal 40");
    }
}
