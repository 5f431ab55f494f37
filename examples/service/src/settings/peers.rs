//! Other services that a profile may be given, and what to show them.
//!
//! None is needed: each has its check in `/health` once it is named.

use super::Variables;
use crate::reach::Peer;

/// Who is there beside the database and Redis.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peers {
    /// `VECTOR_STORE_URL`, or `CHROMADB_HOST` and `CHROMADB_PORT`: asked for its heartbeat only
    pub(crate) vector_store: Option<Peer>,
    /// `LLM_API_URL`: speaks OpenAI's chat completions
    pub(crate) llm: Option<Peer>,
    /// `LLM_API_KEY`
    pub(crate) llm_key: Option<Token>,
    /// `COGNITIVE_SERVICE_URL`: another instance of deep-echo, which does the work
    pub(crate) cognitive: Option<Peer>,
    /// `DISCORD_GATEWAY_URL`: `ws://HOST:PORT/PATH`; Discord's own speaks TLS, which this bot does not
    pub(crate) discord_gateway: Option<Peer>,
    /// `DISCORD_API_URL`: where answers are posted
    pub(crate) discord_api: Option<Peer>,
    /// `DISCORD_BOT_TOKEN`
    pub(crate) discord_token: Option<Token>,
}

/// A credential: not printed.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// An address that may hold a password: not printed.
#[derive(Clone)]
pub(crate) struct RedisUrl(pub(crate) String);

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisUrl(…)")
    }
}

impl RedisUrl {
    pub(super) fn of(host: &str, port: u16, password: Option<&str>) -> Self {
        let password = password.map_or(String::new(), |password| {
            format!(":{}@", percent_encoded(password))
        });
        Self(format!("redis://{password}{host}:{port}"))
    }
}

/// Everything but unreserved characters (RFC 3986, section 2.3).
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

impl Peers {
    pub(super) fn read<L: Fn(&str) -> Option<String>>(vars: &Variables<L>) -> anyhow::Result<Self> {
        let gateway: Option<Peer> = vars.parse("DISCORD_GATEWAY_URL")?;
        let token = vars.secret("DISCORD_BOT_TOKEN")?.map(Token);
        anyhow::ensure!(
            gateway.is_none() || token.is_some(),
            "DISCORD_BOT_TOKEN is missing\n  hint: the gateway of DISCORD_GATEWAY_URL asks for one"
        );
        Ok(Self {
            vector_store: match vars.parse("VECTOR_STORE_URL")? {
                Some(peer) => Some(peer),
                None => chromadb(vars)?,
            },
            llm: vars.parse("LLM_API_URL")?,
            llm_key: vars.secret("LLM_API_KEY")?.map(Token),
            cognitive: vars.parse("COGNITIVE_SERVICE_URL")?,
            discord_gateway: gateway,
            discord_api: vars.parse("DISCORD_API_URL")?,
            discord_token: token,
        })
    }
}

fn chromadb<L: Fn(&str) -> Option<String>>(vars: &Variables<L>) -> anyhow::Result<Option<Peer>> {
    let Some(host) = vars.text("CHROMADB_HOST") else {
        return Ok(None);
    };
    let port: u16 = vars.parse("CHROMADB_PORT")?.unwrap_or(8000);
    format!("http://{host}:{port}")
        .parse()
        .map(Some)
        .map_err(|error| anyhow::anyhow!("CHROMADB_HOST={host}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_any_character_makes_a_good_address() {
        let url = RedisUrl::of("cache", 6379, Some("p@ss/w:rd"));
        assert_eq!(url.0, "redis://:p%40ss%2Fw%3Ard@cache:6379");
        assert_eq!(RedisUrl::of("cache", 1, None).0, "redis://cache:1");
    }
}
