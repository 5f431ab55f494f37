//! What the bot says to what.

use super::bot::Bot;
use super::gateway::Message;
use crate::moment::Moment;
use crate::reach::ReachError;
use crate::store::StoreError;
use serde_json::json;
use std::time::{Duration, Instant};

/// For the LLM.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of one thing to remember.
const MAX_MEMORY_CHARS: usize = 2_000;

const HELP: &str = "I know !ping, !remember TEXT, !recall WORDS, !forget and !help";

/// The command's name, for logs and metrics, and the answer.
pub(crate) async fn answer(bot: &Bot, message: &Message) -> (&'static str, String) {
    let text = message.content.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (command, answer) = match word {
        "!ping" => (
            "ping",
            Ok(format!("pong from {}", bot.app.settings.release)),
        ),
        "!remember" => ("remember", remember(bot, message, rest.trim()).await),
        "!recall" => ("recall", recall(bot, message, rest.trim()).await),
        "!forget" => ("forget", forget(bot, message).await),
        "!help" => ("help", Ok(HELP.to_owned())),
        _ if word.starts_with('!') => ("unknown", Ok(format!("I do not know {word}. {HELP}"))),
        _ => ("chat", Ok(chat(bot, message).await)),
    };
    let answer = answer.unwrap_or_else(|error: StoreError| {
        tracing::error!(%error, command, "the store failed");
        "my memory is not available just now".to_owned()
    });
    let store = &bot.app.store;
    if let Err(error) = store
        .add_conversation(message, &answer, Moment::now())
        .await
    {
        tracing::error!(%error, "the conversation is not kept");
    }
    (command, answer)
}

async fn remember(bot: &Bot, message: &Message, text: &str) -> Result<String, StoreError> {
    if text.is_empty() || text.chars().count() > MAX_MEMORY_CHARS {
        return Ok(format!("I remember 1 to {MAX_MEMORY_CHARS} characters"));
    }
    let user = &message.author.id;
    bot.app.store.remember(user, text, Moment::now()).await?;
    Ok("remembered".to_owned())
}

async fn recall(bot: &Bot, message: &Message, words: &str) -> Result<String, StoreError> {
    let depth = bot.app.settings.memory_depth;
    let memories = bot.app.store.recall(&message.author.id, depth).await?;
    let words = words.to_lowercase();
    let found: Vec<&str> = memories
        .iter()
        .filter(|memory| {
            let memory = memory.to_lowercase();
            words.split_whitespace().all(|word| memory.contains(word))
        })
        .take(3)
        .map(String::as_str)
        .collect();
    Ok(if found.is_empty() {
        "I remember nothing of that".to_owned()
    } else {
        found.join("\n")
    })
}

async fn forget(bot: &Bot, message: &Message) -> Result<String, StoreError> {
    bot.app.store.forget(&message.author.id).await?;
    Ok("forgotten".to_owned())
}

/// Asks the LLM where there is one; the same question is not asked twice within minutes.
async fn chat(bot: &Bot, message: &Message) -> String {
    let Some(llm) = &bot.app.settings.peers.llm else {
        return format!("I hold no model and am given none. {HELP}");
    };
    let key = format!("chat:{}", crate::account::token_hash(&message.content));
    if let Some(answer) = bot.cache.get(&bot.app, &key).await {
        return answer;
    }
    let started = Instant::now();
    let authorization = bot.app.settings.peers.llm_key.as_ref();
    let headers: Vec<_> = authorization
        .map(|key| ("authorization", format!("Bearer {}", key.0)))
        .into_iter()
        .collect();
    let messages = json!([{"role": "user", "content": message.content}]);
    let body = json!({"model": "default", "messages": messages});
    let answer = llm
        .post("/chat/completions", &headers, &body, PATIENCE)
        .await;
    let name = "llm_request_duration_seconds";
    bot.app.metrics.observe(name, &[], started.elapsed());
    let text = answer.and_then(|(_, answer)| {
        let text = answer["choices"][0]["message"]["content"].as_str();
        text.map(str::to_owned).ok_or(ReachError::Shape)
    });
    match text {
        Ok(text) => {
            bot.cache.put(&bot.app, &key, text.clone()).await;
            text
        }
        Err(error) => {
            let error_type = match error {
                ReachError::Deadline(_) => "timeout",
                ReachError::Status(_) => "status",
                _ => "connection",
            };
            let labels = [("error_type", error_type)];
            bot.app
                .metrics
                .count("llm_request_failures_total", &labels, 1);
            let user_id = &message.author.id;
            tracing::error!(user_id, error_type, %error, "llm_request_failed");
            "the model does not answer just now".to_owned()
        }
    }
}
