//! The worker as a program of its own, for benchmarks: `cargo xtask bench backup --worker PROGRAM`.

fn main() -> std::process::ExitCode {
    mainstay_backup::worker()
}
