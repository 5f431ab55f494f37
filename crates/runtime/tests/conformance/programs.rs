//! The other things that this executable is: an instance that listens, and a control plane.

use crate::fixture;
use mainstay_runtime::process::ProcessTarget;
use mainstay_runtime::target::Target;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Listens on `PORT`, `LATE` milliseconds after its start, and answers every request with the
/// status in `STATUS`; with `hang` it never answers.
pub(crate) fn serve() -> ExitCode {
    let variable = |name| std::env::var(name).unwrap_or_default();
    if let Ok(late) = variable("LATE").parse() {
        std::thread::sleep(Duration::from_millis(late));
    }
    let mut address = variable("ADDRESS");
    if address.is_empty() {
        "127.0.0.1".clone_into(&mut address);
    }
    let port: u16 = variable("PORT").parse().unwrap();
    let listener = TcpListener::bind((address.as_str(), port)).unwrap();
    let status = variable("STATUS");
    let mut held = Vec::new();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        if status == "hang" {
            held.push(stream);
            continue;
        }
        let _ = stream.read(&mut [0; 1024]);
        let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
    }
    ExitCode::SUCCESS
}

/// Asks `HOST:PORT`, its second argument, for `/`, and prints the status line; fails where nobody is.
pub(crate) fn ask() -> ExitCode {
    let authority = std::env::args().nth(2).unwrap();
    let mut answer = String::new();
    let asked = std::net::TcpStream::connect(&authority).and_then(|mut stream| {
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    match asked {
        Ok(_) => {
            println!("{}", answer.lines().next().unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Opens the target in the directory named by its second argument, starts as many instances as the
/// third says and one that flaps, reports `ready` once they are healthy, and waits for what never comes.
pub(crate) fn control_plane() -> ExitCode {
    let mut arguments = std::env::args().skip(2);
    let directory = PathBuf::from(arguments.next().unwrap());
    let count: u32 = arguments.next().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let target = ProcessTarget::open(fixture::options(&directory)).unwrap();
        for slot in 1..=count {
            target
                .start(fixture::shell(slot, "exec sleep 600"))
                .await
                .unwrap();
        }
        target.start(fixture::flapping(&directory)).await.unwrap();
        for slot in 1..=count {
            fixture::healthy(&target, slot).await;
        }
        println!("ready");
        std::future::pending::<()>().await;
    });
    ExitCode::SUCCESS
}
