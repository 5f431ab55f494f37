//! `port-forward`: a local port that leads to one instance, past the proxy.
//!
//! Each connection is carried by one of its own to the server. The first is tried before anybody
//! is told that the port is there.

use super::Context;
use crate::arguments::ForwardArguments;
use crate::client::{CallError, Client, Forward};
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupts;
use crate::locate::path;
use crate::output::Output;
use mainstay_model::{InstanceId, Scope, ServiceName};
use serde::Serialize;
use std::fmt::Write as _;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Connections at a time; a further one waits in the kernel's queue.
const MOST: usize = 64;

/// What `--json` says once the port is there.
#[derive(Serialize)]
struct Listening<'a> {
    listening: SocketAddr,
    subject: &'a str,
}

pub async fn forward(context: &Context, arguments: &ForwardArguments) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    let address = query(&scope, arguments)?;
    let probe = Forward::open(&client, &address).await;
    probe.map_err(|error| client.explain(error))?.close().await;
    let mut interrupts = Interrupts::catch()?;
    let listener = listen(arguments).await?;
    let listening = listener
        .local_addr()
        .map_err(|error| Failure::environment("cannot tell the local port").because(&error))?;
    announce(&context.output, listening, &arguments.subject)?;
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = interrupts.next() => return Ok(()),
            Some(ended) = open.join_next() => tell(&context.output, &client, ended.ok()),
            accepted = listener.accept(), if open.len() < MOST => {
                if let Ok((local, _)) = accepted {
                    open.spawn(one(client.clone(), address.clone(), local));
                }
            }
        }
    }
}

async fn one(client: Client, address: String, local: TcpStream) -> Result<(), CallError> {
    Forward::open(&client, &address).await?.carry(local).await
}

/// One connection that failed does not end the others.
fn tell(output: &Output, client: &Client, ended: Option<Result<(), CallError>>) {
    if let Some(Err(error)) = ended {
        output.failure(&client.explain(error));
    }
}

fn query(scope: &Scope, arguments: &ForwardArguments) -> Outcome<String> {
    let subject = &arguments.subject;
    let named = ServiceName::new(subject.as_str()).is_ok() || subject.parse::<InstanceId>().is_ok();
    if !named {
        return Err(
            Failure::input(format!("`{subject}` is neither a service nor an instance"))
                .hint("mainstay ps shows what runs"),
        );
    }
    let mut query = path(scope, &format!("/forward?subject={subject}"));
    if let Some(port) = arguments.ports.and_then(|ports| ports.remote) {
        let _ = write!(query, "&port={port}");
    }
    Ok(query)
}

/// At the port asked for; else at the same as the instance's, or any that is free.
async fn listen(arguments: &ForwardArguments) -> Outcome<TcpListener> {
    let ports = arguments.ports.unwrap_or_default();
    let at = |port| SocketAddr::new(arguments.address, port);
    let Some(local) = ports.local else {
        let same = ports.remote.unwrap_or(0);
        if let Ok(listener) = TcpListener::bind(at(same)).await {
            return Ok(listener);
        }
        return bind(at(0)).await;
    };
    bind(at(local)).await
}

async fn bind(address: SocketAddr) -> Outcome<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::environment(format!("cannot listen on {address}"))
            .because(&error)
            .hint("leave the local port out: one that is free is taken")
    })
}

fn announce(output: &Output, listening: SocketAddr, subject: &str) -> Outcome {
    let said = Listening { listening, subject };
    if output.json {
        return output.object(&said);
    }
    output.data(&format!("{listening} leads to {subject}; Ctrl-C ends it"))
}
