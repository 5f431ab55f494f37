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
    /// `LLM_API_URL`, or `LLM_HOST` and `LLM_PORT`: speaks OpenAI's chat completions
    pub(crate) llm: Option<Peer>,
    /// `LLM_API_KEY`
    pub(crate) llm_key: Option<Token>,
    /// `COGNITIVE_SERVICE_URL`: another instance of deep-echo, which does the work
    pub(crate) cognitive: Option<Peer>,
    /// `DISCORD_GATEWAY_URL` (`ws://HOST:PORT/PATH`), or `DISCORD_HOST` and `DISCORD_PORT`.
    /// Discord's own speaks TLS, which this bot does not.
    pub(crate) discord_gateway: Option<Peer>,
    /// `DISCORD_API_URL`, or the same two: where answers are posted
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
        let beside = |given: Option<Peer>, name, scheme, base| match given {
            Some(peer) => Ok(Some(peer)),
            None => beside(vars, name, scheme, base),
        };
        // Who has no token is no bot, even if there is a gateway beside it.
        let gateway = beside(gateway, "DISCORD", "ws", "/gateway")?.filter(|_| token.is_some());
        Ok(Self {
            vector_store: beside(vars.parse("VECTOR_STORE_URL")?, "CHROMADB", "http", "")?,
            llm: beside(vars.parse("LLM_API_URL")?, "LLM", "http", "/v1")?,
            llm_key: vars.secret("LLM_API_KEY")?.map(Token),
            cognitive: vars.parse("COGNITIVE_SERVICE_URL")?,
            discord_gateway: gateway,
            discord_api: beside(
                vars.parse("DISCORD_API_URL")?,
                "DISCORD",
                "http",
                "/api/v10",
            )?,
            discord_token: token,
        })
    }
}

/// From `NAME_HOST` and `NAME_PORT`, as Mainstay gives them for each service of the stack.
fn beside<L: Fn(&str) -> Option<String>>(
    vars: &Variables<L>,
    name: &str,
    scheme: &str,
    base: &str,
) -> anyhow::Result<Option<Peer>> {
    let Some(host) = vars.text(&format!("{name}_HOST")) else {
        return Ok(None);
    };
    let port: u16 = vars.parse(&format!("{name}_PORT"))?.unwrap_or(8000);
    format!("{scheme}://{host}:{port}{base}")
        .parse()
        .map(Some)
        .map_err(|error| anyhow::anyhow!("{name}_HOST={host}: {error}"))
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
