//! `http_sd_configs`: groups that a server gives.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, StatusCode};
use mainstay_targets::{Discovery, Group, HttpDiscovery, read_groups};

use crate::client::{Client, Url};
use crate::fetch::AGENT;

/// Bytes of one answer.
const LIMIT_BYTES: usize = 32 << 20;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks one server, or none.
#[derive(Debug)]
pub(super) struct Asker(Option<(Client, HttpDiscovery)>);

impl Asker {
    pub(super) fn new(discovery: &Discovery) -> Self {
        Self(match discovery {
            Discovery::Http(http) => Some((Client::new(http.client.clone()), (**http).clone())),
            _ => None,
        })
    }

    pub(super) async fn groups(&mut self) -> Result<Vec<Group>, String> {
        let Some((client, http)) = &mut self.0 else {
            return Ok(Vec::new());
        };
        let asked = tokio::time::timeout(PATIENCE, ask(client, http)).await;
        let answer = asked.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        if answer.is_err() {
            client.disconnect();
        }
        let mut groups = read_groups(&answer?, &http.url).map_err(|error| error.to_string())?;
        for group in &mut groups {
            let mut labels = group.labels.to_builder();
            labels.set("__meta_url", http.url.as_str());
            group.labels = labels.build();
        }
        Ok(groups)
    }
}

async fn ask(client: &mut Client, http: &HttpDiscovery) -> Result<String, String> {
    let url = Url::parse(&http.url).map_err(|error| error.to_string())?;
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let refresh = http.refresh.as_secs_f64().to_string();
    if let Ok(value) = HeaderValue::try_from(refresh) {
        let name = HeaderName::from_static("x-prometheus-refresh-interval-seconds");
        headers.insert(name, value);
    }
    let sent = client.send(Method::GET, &url, &headers, Bytes::new()).await;
    let response = sent.map_err(|error| error.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(format!("server returned HTTP status {}", response.status()));
    }
    let body = Limited::new(response.into_body(), LIMIT_BYTES)
        .collect()
        .await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    String::from_utf8(body.to_vec()).map_err(|_| "the answer is not UTF-8".to_owned())
}
