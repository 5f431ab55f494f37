//! `certificates`: what is served under `https`, until when, and what keeps it from being renewed.

use super::Context;
use crate::arguments::CertificatesCommand;
use crate::failure::Outcome;
use crate::operation;
use crate::render::certificates;
use crate::render::quantity::now;
use mainstay_server::api::types::Certificate;

const PATH: &str = "/api/v1/certificates";

pub async fn certificates(context: &Context, command: Option<CertificatesCommand>) -> Outcome {
    let client = context.place(None)?.client()?;
    match command.unwrap_or(CertificatesCommand::List) {
        CertificatesCommand::List => {
            let all: Vec<Certificate> = client.ask(PATH).await?;
            context
                .output
                .either(&all, |look| certificates::list(&all, now(), look))
        }
        CertificatesCommand::Renew { host } => {
            let path = format!("{PATH}/{}/renew", super::token::segment(&host));
            let nothing = serde_json::json!({});
            let _: serde_json::Value = operation::mutate(&client, &path, &nothing).await?;
            context.output.note(&format!(
                "the authority is asked for {host}; `mainstay events -f` shows what comes of it"
            ));
            Ok(())
        }
    }
}
