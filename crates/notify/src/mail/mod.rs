//! Mail: the message, and the envelope it goes in.
//!
//! lettre writes headers and bodies; the protocol stands in `smtp.rs`, because lettre's has neither
//! CRAM-MD5 nor an identity beside the user, and trusts by another list than `tls_config`.

mod auth;
mod smtp;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, To};
use lettre::message::{Mailboxes, MultiPart, SinglePart};
use mainstay_alert::config::Email;
use std::time::{Duration, SystemTime};

use crate::{Failure, Message};
pub(crate) use smtp::send;

/// A mail that is ready to be sent.
#[derive(Debug)]
pub struct Mail {
    pub envelope: Envelope,
    /// Headers and bodies, as they go over the wire.
    pub text: Vec<u8>,
}

/// Makes the mail of a message.
pub fn mail(email: &Email, message: &Message<'_>) -> Result<Mail, Failure> {
    let addresses = |name: &str, text: &str| {
        let text = message.text(name, text)?;
        let boxes: Mailboxes = text
            .parse()
            .map_err(|error| Failure::configuration(format!("`{name}` {text:?}: {error}")))?;
        Ok::<_, Failure>(boxes)
    };
    let sender = addresses("from", &email.from)?.into_single();
    let sender = sender.ok_or_else(|| Failure::configuration("`from` must be one address"))?;
    let to = addresses("to", &email.to)?;
    let recipients: Vec<_> = to.iter().map(|each| each.email.clone()).collect();
    let envelope = Envelope::new(Some(sender.email.clone()), recipients)
        .map_err(|error| Failure::configuration(format!("`to`: {error}")))?;
    let millis = u64::try_from(message.now.as_millis()).unwrap_or(0);
    let date = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    let integration = &message.notification.integration;
    let id = format!(
        "<{}.{millis}.{}@{}>",
        message.incident(),
        integration.index,
        email.hello
    );
    let mut builder = lettre::Message::builder()
        .from(sender)
        .mailbox(To::from(to))
        .envelope(envelope.clone())
        .date(date)
        .message_id(Some(id))
        .subject("");
    let subject = ("Subject", Email::DEFAULT_SUBJECT);
    let own = email
        .headers
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    for (name, text) in std::iter::once(subject).chain(own) {
        let value = message.text(&format!("headers.{name}"), text)?;
        builder = builder.raw_header(header(name, &value)?);
    }
    let mail = builder
        .multipart(bodies(email, message)?)
        .map_err(|error| Failure::configuration(format!("the mail: {error}")))?;
    Ok(Mail {
        envelope,
        text: mail.formatted(),
    })
}

/// A header in one line: what would begin another one is white space.
fn header(name: &str, value: &str) -> Result<HeaderValue, Failure> {
    let line: Vec<_> = value.split_whitespace().collect();
    let name = HeaderName::new_from_ascii(name.to_owned())
        .map_err(|_| Failure::configuration(format!("`{name}` is no name of a header")))?;
    Ok(HeaderValue::new(name, line.join(" ")))
}

/// The best one last, as RFC 2046 has it.
fn bodies(email: &Email, message: &Message<'_>) -> Result<MultiPart, Failure> {
    let mut parts = MultiPart::alternative().build();
    if !email.text.is_empty() {
        let text = message.text("text", &email.text)?;
        parts = parts.singlepart(part(ContentType::TEXT_PLAIN, text));
    }
    if !email.html.is_empty() {
        let html = message.html("html", &email.html)?;
        parts = parts.singlepart(part(ContentType::TEXT_HTML, html));
    }
    Ok(parts)
}

fn part(kind: ContentType, text: String) -> SinglePart {
    SinglePart::builder().header(kind).body(text)
}
