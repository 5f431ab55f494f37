//! The few frames of Discord's gateway that a bot needs (API version 10, JSON).
//!
//! Written after the published protocol: hello, identify, heartbeat and its answer, dispatched
//! events. Without resuming and without compression; over plain WebSocket, so against a gateway
//! of our own only.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const DISPATCH: u8 = 0;
pub(crate) const HEARTBEAT: u8 = 1;
pub(crate) const IDENTIFY: u8 = 2;
pub(crate) const HELLO: u8 = 10;
pub(crate) const HEARTBEAT_ACK: u8 = 11;

/// Close code for a token that is not valid.
pub(crate) const AUTHENTICATION_FAILED: u16 = 4004;

/// One message of the protocol.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) op: u8,
    #[serde(default)]
    pub(crate) d: Value,
    /// The sequence number, of a dispatched event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) s: Option<u64>,
    /// The event's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) t: Option<String>,
}

/// What somebody said: of `MESSAGE_CREATE`, as far as it is used here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) channel_id: String,
    pub(crate) guild_id: String,
    pub(crate) author: Author,
    pub(crate) content: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Author {
    pub(crate) id: String,
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) bot: bool,
}

/// How the bot stands to its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    NotConfigured,
    Down,
    /// Ready; how long the last heartbeat took.
    Up {
        latency: Option<Duration>,
    },
}

impl Frame {
    pub(crate) fn of(op: u8, d: Value) -> Self {
        Self {
            op,
            d,
            s: None,
            t: None,
        }
    }

    pub(crate) fn identify(token: &str) -> Self {
        // 1 << 9 guild messages, 1 << 15 their content.
        let intents = (1 << 9) | (1 << 15);
        let properties = json!({"os": "linux", "browser": "sample", "device": "sample"});
        Self::of(
            IDENTIFY,
            json!({"token": token, "intents": intents, "properties": properties}),
        )
    }

    pub(crate) fn event(name: &str, sequence: u64, d: Value) -> Self {
        Self {
            op: DISPATCH,
            d,
            s: Some(sequence),
            t: Some(name.to_owned()),
        }
    }

    pub(crate) fn text(&self) -> String {
        json!(self).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_look_as_the_protocol_writes_them() {
        let beat = Frame::of(HEARTBEAT, json!(7)).text();
        assert_eq!(beat, r#"{"d":7,"op":1}"#);
        let hello: Frame =
            serde_json::from_str(r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#)
                .unwrap();
        assert_eq!((hello.op, hello.s), (HELLO, None));
        let event = Frame::event("READY", 1, json!({}));
        assert_eq!(event.text(), r#"{"d":{},"op":0,"s":1,"t":"READY"}"#);
    }
}
