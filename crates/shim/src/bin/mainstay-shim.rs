//! The shim alone, for this crate's tests and for measuring its memory; users run `mainstay shim`.

fn main() -> std::process::ExitCode {
    mainstay_shim::run()
}
