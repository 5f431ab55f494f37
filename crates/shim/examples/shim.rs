//! The shim alone, for measuring its memory; users run `mainstay shim`.

fn main() -> std::process::ExitCode {
    mainstay_shim::run()
}
