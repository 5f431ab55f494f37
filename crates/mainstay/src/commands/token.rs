//! `token`: who may speak to the server over TCP.

use super::Context;
use crate::arguments::{RoleName, TokenCommand};
use crate::failure::Outcome;
use crate::operation;
use crate::render::history;
use crate::render::quantity::now;
use mainstay_server::api::types::{Role, Token, TokenCreated, TokenRequest};

const PATH: &str = "/api/v1/tokens";

pub async fn token(context: &Context, command: TokenCommand) -> Outcome {
    let client = context.place(None)?.client()?;
    match command {
        TokenCommand::Create { name, role } => {
            let role = role_of(role);
            let request = TokenRequest { name, role };
            let created: TokenCreated = operation::mutate(&client, PATH, &request).await?;
            context
                .output
                .either(&created, |_| created.secret.expose().clone())?;
            if !context.output.json {
                context.output.note(&format!(
                    "token {} ({}): it is not shown again; use it as MAINSTAY_TOKEN with --server http://HOST:PORT",
                    created.token.name,
                    history::role(role)
                ));
            }
            Ok(())
        }
        TokenCommand::List => {
            let all: Vec<Token> = client.ask(PATH).await?;
            context
                .output
                .either(&all, |look| history::tokens(&all, now(), look))
        }
        TokenCommand::Revoke { name } => {
            let path = format!("{PATH}/{}", segment(&name));
            client
                .delete(&path)
                .await
                .map_err(|error| client.explain(error))?;
            context.output.note(&format!("token {name} is revoked"));
            Ok(())
        }
    }
}

fn role_of(role: RoleName) -> Role {
    match role {
        RoleName::Viewer => Role::Viewer,
        RoleName::Operator => Role::Operator,
        RoleName::Admin => Role::Admin,
    }
}

/// Percent-encoded for a path (RFC 3986, unreserved characters stay).
pub(super) fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_cannot_leave_its_path_segment() {
        assert_eq!(segment("ci-1.x"), "ci-1.x");
        assert_eq!(segment("../a b?"), "..%2Fa%20b%3F");
    }
}
