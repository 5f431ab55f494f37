//! WebSockets: a request that becomes a connection, once the endpoint agreed.
//!
//! **Invariant:** bytes are passed through only after the endpoint's own 101, and only for the
//! protocols named here. Anything else would let a client speak to an endpoint past the proxy
//! (h2c smuggling).

use crate::exchange::Passage;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Version};
use hyper_util::rt::TokioIo;
use std::time::Duration;

/// Protocols a request may become.
const ALLOWED: [&str; 1] = ["websocket"];
/// From the endpoint's 101 until both sides speak the new protocol.
const SWITCH: Duration = Duration::from_secs(10);
/// Bytes on their way in each direction.
const BUFFER: usize = 8 << 10;

/// The protocol a request asks for, where it is one of those allowed.
pub(crate) fn wanted(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Option<&'static str> {
    if *method != Method::GET || version != Version::HTTP_11 || !names_upgrade(headers) {
        return None;
    }
    let mut values = headers.get_all(UPGRADE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    allowed(value)
}

/// Whether the endpoint agreed to `protocol`.
pub(crate) fn agreed(protocol: &'static str, headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).and_then(allowed) == Some(protocol)
}

fn allowed(value: &HeaderValue) -> Option<&'static str> {
    let value = value.to_str().ok()?.trim();
    ALLOWED
        .into_iter()
        .find(|protocol| protocol.eq_ignore_ascii_case(value))
}

fn names_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

/// Puts on again what concerns this connection, on either side.
pub(crate) fn add(protocol: &'static str, headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(protocol));
}

/// Passes bytes through until both sides ended; the endpoint is held meanwhile.
pub(crate) async fn pass(mut passage: Passage, client: OnUpgrade, endpoint: OnUpgrade) {
    let switching = async { tokio::try_join!(client, endpoint) };
    let (client, endpoint) = match tokio::time::timeout(SWITCH, switching).await {
        Ok(Ok(both)) => both,
        Ok(Err(error)) => {
            tracing::debug!(%error, "an upgrade did not come about");
            passage.record.error = Some("upgrade broke off");
            return;
        }
        Err(_) => {
            passage.record.error = Some("upgrade too slow");
            return;
        }
    };
    let (mut client, mut endpoint) = (TokioIo::new(client), TokioIo::new(endpoint));
    let passing =
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut endpoint, BUFFER, BUFFER);
    match passing.await {
        Ok((sent, received)) => {
            passage.record.bytes_in = sent;
            passage.record.bytes_out = received;
        }
        Err(_) => passage.record.error = Some("connection broke off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: hyper::header::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_a_whole_request_for_a_known_protocol_is_an_upgrade() {
        let ws = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
        ];
        let wanted_by = |method, version, lines: &[_]| wanted(&method, version, &headers(lines));
        let (get, v11) = (Method::GET, Version::HTTP_11);
        assert_eq!(wanted_by(get.clone(), v11, &ws), Some("websocket"));
        for (method, version, lines) in [
            (Method::POST, v11, &ws[..]),
            (get.clone(), Version::HTTP_10, &ws),
            (get.clone(), v11, &ws[1..]),
            (get.clone(), v11, &ws[..1]),
            (get.clone(), v11, &[ws[0], ("upgrade", "h2c")]),
            (get.clone(), v11, &[ws[0], ("upgrade", "websocket, h2c")]),
            (get.clone(), v11, &[ws[0], ws[1], ("upgrade", "h2c")]),
        ] {
            assert_eq!(wanted_by(method, version, lines), None, "{lines:?}");
        }
    }
}
