//! Somebody who uses a stack through the proxy, logged in where that is asked for.

use crate::site::{Answer, Site, exchange};
use serde_json::{Value, json};

pub(super) struct Client<'a> {
    site: &'a Site,
    token: Option<String>,
}

impl<'a> Client<'a> {
    /// Logs in at a path with the admin's password.
    pub(super) fn new(site: &'a Site, login: Option<(&str, &str)>) -> Self {
        let mut client = Self { site, token: None };
        if let Some((path, password)) = login {
            // The user is made beside the start.
            site.eventually("the admin can log in", || {
                let name = json!({"username": "admin", "password": password});
                let answer = client.send("POST", path, name.to_string().as_bytes());
                if answer.status == 200 {
                    let token = answer.json()["access_token"].as_str().map(str::to_owned);
                    client.token = token;
                }
                client.token.is_some()
            });
        }
        client
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Answer {
        let answer = self.send("GET", path, b"");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer
    }

    /// POST of JSON, which has to succeed.
    #[track_caller]
    pub(super) fn post(&self, path: &str, body: &Value) -> Value {
        self.post_bytes(path, body.to_string().as_bytes())
    }

    #[track_caller]
    pub(super) fn post_bytes(&self, path: &str, body: &[u8]) -> Value {
        let answer = self.send("POST", path, body);
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json()
    }

    fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut fields = "content-type: application/json\r\n".to_owned();
        if let Some(token) = &self.token {
            fields += "authorization: Bearer ";
            fields += token;
            fields += "\r\n";
        }
        exchange(self.site.proxy, method, path, &fields, body).unwrap()
    }
}
