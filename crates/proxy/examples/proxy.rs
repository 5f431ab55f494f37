//! The proxy alone, with the arguments of `mainstay proxy`, for measuring without the rest:
//!
//! ```text
//! cargo build --release -p mainstay-proxy --example proxy
//! cargo xtask bench proxy --program target/release/examples/proxy
//! ```

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    let directory = value("--directory").ok_or("no --directory")?;
    let socket = value("--socket").ok_or("no --socket")?;
    mainstay_proxy::run(mainstay_proxy::Options { directory, socket })?;
    Ok(())
}
