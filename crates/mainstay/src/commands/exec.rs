//! `exec`: a command beside an instance, its streams carried through.

use super::Context;
use crate::arguments::ExecArguments;
use crate::client::{CallError, ExecInput, exec as converse};
use crate::failure::{Failure, Outcome};
use crate::locate::path;
use mainstay_server::api::types::ExecRequest;
use std::io::Read;
use tokio::sync::mpsc;

const BLOCK: usize = 16 << 10;

pub async fn exec(context: &Context, arguments: ExecArguments) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    let request = ExecRequest {
        subject: arguments.subject,
        command: arguments.command,
    };
    let output = context.output;
    let mut unwritten = None;
    let print = |errors: bool, data: &[u8]| {
        if errors {
            output.side_bytes(data);
            return Ok(());
        }
        output.bytes(data).map_err(|failure| {
            let message = failure.to_string();
            unwritten = Some(failure);
            CallError::Form(message)
        })
    };
    let path = path(&scope, "/exec");
    let code = converse(&client, &path, &request, input(), print).await;
    match (code, unwritten) {
        (_, Some(failure)) => Err(failure),
        (Ok(0), None) => Ok(()),
        (Ok(code), None) => Err(Failure::quiet(u8::try_from(code).unwrap_or(1))),
        (Err(error), None) => Err(client.explain(error)),
    }
}

/// Standard input, read in a thread of its own: a read cannot be taken back, and the program ends
/// without waiting for it.
fn input() -> ExecInput {
    let (sender, receiver) = mpsc::channel(4);
    let reader = std::thread::Builder::new().name("stdin".to_owned());
    // Without the thread the command has no input, which it is told as its end.
    let _ = reader.spawn(move || {
        let mut block = vec![0; BLOCK];
        while let Ok(count @ 1..) = std::io::stdin().lock().read(&mut block) {
            if sender.blocking_send(block[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
