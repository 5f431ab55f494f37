//! The bot against the stand-ins: a gateway, an LLM, a vector store, each a process of its own.

use super::harness::{Postgres, Request, Service};
use rustix::process::Signal;
use serde_json::{Value, json};

const TOKEN: &str = "a-token-for-bots";

struct Place {
    discord: Service,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let token = [("DISCORD_BOT_TOKEN", TOKEN)];
        Self {
            discord: Service::start_as(&["stand-in", "discord"], &token),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts a bot and waits until it is ready.
    fn bot(&self, more: &[(&str, &str)]) -> Service {
        let mut bot = self.spawn(more).listening();
        bot.until("/health", |health| {
            health["checks"]["discord"]["status"] == "healthy"
        });
        assert!(bot.is_running());
        bot
    }

    fn spawn(&self, more: &[(&str, &str)]) -> Service {
        let path = self.folder.path().join("bot.db");
        let gateway = self.discord.url("ws", "/gateway");
        let api = self.discord.url("http", "/api/v10");
        let variables = [
            ("SAMPLE_PROFILE", "whisperengine"),
            ("DATABASE_PATH", path.to_str().unwrap()),
            ("DISCORD_GATEWAY_URL", &gateway),
            ("DISCORD_API_URL", &api),
            ("DISCORD_BOT_TOKEN", TOKEN),
        ];
        Service::spawn(&[&variables, more].concat())
    }

    /// Says something; the answers.
    fn say(&self, user: &str, content: &str) -> Value {
        let said = json!({"user": user, "content": content});
        self.discord.post("/say?wait=20s", &said)["answers"].clone()
    }
}

/// What it is told, it knows after a restart, and only of the one who told it.
fn story(place: &Place, variables: &[(&str, &str)]) {
    let mut bot = place.bot(variables);
    assert_eq!(place.say("ann", "!ping"), json!(["pong from dev"]));
    assert_eq!(
        place.say("ann", "!remember my cat is Tom"),
        json!(["remembered"])
    );
    assert_eq!(
        place.say("bob", "!recall cat"),
        json!(["I remember nothing of that"])
    );
    let line = bot.logged("user_command_processed");
    assert_eq!(
        (&line["command"], &line["user_id"]),
        (&json!("ping"), &json!("ann"))
    );
    assert!(
        line["success"] == true && line["response_time_ms"].is_number(),
        "{line}"
    );
    bot.signal(Signal::TERM);
    assert!(bot.ended().success());
    let bot = place.bot(variables);
    assert_eq!(place.say("ann", "!recall CAT"), json!(["my cat is Tom"]));
    assert_eq!(place.say("ann", "!forget"), json!(["forgotten"]));
    assert_eq!(
        place.say("ann", "!recall cat"),
        json!(["I remember nothing of that"])
    );
    assert_eq!(bot.json("/status")["conversations"], 6);
    let commands = "discord_commands_total{command=\"recall\",outcome=\"answered\"}";
    assert_eq!(bot.metric(commands), 2);
    assert_eq!(bot.metric("discord_rate_limit_remaining"), 49);
    let tally = place.discord.json("/status");
    assert_eq!(tally["most_connected"], 1, "{tally}");
    assert_eq!(tally["answered_twice"], 0, "{tally}");
}

#[test]
fn the_bot_answers_and_remembers() {
    story(&Place::new(), &[]);
}

#[test]
fn the_bot_answers_and_remembers_on_postgresql() {
    let test = "the_bot_answers_and_remembers_on_postgresql";
    let Some(postgres) = Postgres::start(test) else {
        return;
    };
    let url = postgres.url();
    let port = url.rsplit_once(':').unwrap().1.split('/').next().unwrap();
    let variables = [
        ("USE_POSTGRESQL", "true"),
        ("POSTGRES_HOST", "127.0.0.1"),
        ("POSTGRES_PORT", port),
    ];
    story(&Place::new(), &variables);
}

#[test]
fn two_bots_answer_twice_and_the_tally_shows_it() {
    let place = Place::new();
    let _both = [place.bot(&[]), place.bot(&[])];
    place.say("ann", "!ping");
    place
        .discord
        .until("/status", |tally| tally["answered_twice"] == 1);
    assert_eq!(place.discord.json("/status")["most_connected"], 2);
}

#[test]
fn a_bot_whose_token_is_wrong_is_unhealthy_and_says_so() {
    let place = Place::new();
    let mut bot = place.spawn(&[("DISCORD_BOT_TOKEN", "another")]);
    let line = bot.logged("the gateway is lost");
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("does not take the token"), "{line}");
    assert!(!line.to_string().contains("another"), "{line}");
}

#[test]
fn a_bot_without_its_gateway_is_unhealthy_until_it_is_back() {
    let place = Place::new();
    let bot = place.bot(&[]);
    place.discord.signal(Signal::KILL);
    let lost = bot.until("/health", |health| health["status"] == "unhealthy");
    assert_eq!(lost["checks"]["discord"]["detail"], "not connected");
    assert_eq!(bot.get("/health").status, 503);
    let port = place.discord.address().port().to_string();
    let again = [("DISCORD_BOT_TOKEN", TOKEN), ("PORT", port.as_str())];
    let _discord = Service::start_as(&["stand-in", "discord"], &again);
    bot.until("/health", |health| health["status"] == "healthy");
}

#[test]
fn the_bot_asks_the_llm_where_there_is_one() {
    let place = Place::new();
    let llm = Service::start_as(&["stand-in", "llm"], &[]);
    let url = llm.url("http", "/v1");
    let mut bot = place.bot(&[("LLM_API_URL", &url)]);
    let answer = json!(["(stand-in, no model) you said: how are you?"]);
    assert_eq!(place.say("ann", "how are you?"), answer);
    assert_eq!(place.say("bob", "how are you?"), answer);
    assert_eq!(bot.metric("cache_requests_total{result=\"hit\"}"), 1);
    llm.kill();
    let sorry = json!(["the model does not answer just now"]);
    assert_eq!(place.say("ann", "and now?"), sorry);
    let line = bot.logged("llm_request_failed");
    assert_eq!(line["error_type"], "connection");
    let health = bot.json("/health");
    assert_eq!(health["checks"]["llm"]["status"], "degraded", "{health}");
}

#[test]
fn strangers_cannot_answer_for_the_bot() {
    let place = Place::new();
    let body = json!({"content": "I am the bot"});
    let answer = Request::json("/api/v10/channels/1/messages", &body).send(place.discord.address());
    assert_eq!(answer.status, 401);
}
