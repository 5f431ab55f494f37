//! One mail over SMTP (RFC 5321), as Alertmanager speaks it: STARTTLS where TLS is required, TLS from
//! the first byte on port 465, and the first way of authentication that the server offers and the
//! configuration has a secret for.
//!
//! A password is never sent in the clear, but to this machine. What stood in the buffer before TLS
//! began is refused and never read as an answer.

use lettre::address::Envelope;
use mainstay_alert::config::Email;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;

use super::auth::{Credentials, Mechanism};
use super::mail;
use crate::client::tls;
use crate::{Failure, FailureKind, Message, limit};

/// Of one answer, over all its lines.
const ANSWER_BYTES: u64 = 64 << 10;
/// How much of an answer a failure repeats.
const SHOWN_BYTES: usize = 400;
/// The port on which TLS begins with the first byte.
const IMPLICIT_TLS: &str = "465";

/// Sends the mail of a message.
pub(crate) async fn send(email: &Email, message: &Message<'_>) -> Result<(), Failure> {
    let mail = mail(email, message)?;
    let credentials = Credentials::read(email).await?;
    let sent = open(email, &mail.envelope, &mail.text, &credentials).await;
    sent.map_err(|failure| failure.without(&credentials.secrets()))
}

async fn open(
    email: &Email,
    envelope: &Envelope,
    text: &[u8],
    credentials: &Credentials,
) -> Result<(), Failure> {
    let (host, port) = (&email.smarthost.host, &email.smarthost.port);
    let number: u16 = port
        .parse()
        .map_err(|_| Failure::configuration(format!("`{port}` is no port")))?;
    let stream = TcpStream::connect((host.as_str(), number)).await;
    let stream = stream
        .map_err(|error| Failure::connection(format!("connecting to {host}:{port}: {error}")))?;
    let local = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
    if port == IMPLICIT_TLS {
        let mut session = Session::new(encrypt(email, stream).await?);
        session.expect(220).await?;
        session.greet(&email.hello).await?;
        return session.deliver(envelope, text, credentials, true).await;
    }
    let mut session = Session::new(stream);
    session.expect(220).await?;
    session.greet(&email.hello).await?;
    if !email.require_tls {
        return session.deliver(envelope, text, credentials, local).await;
    }
    if !session.offers("STARTTLS") {
        return Err(Failure::configuration(format!(
            "`require_tls` is set, but {host}:{port} does not offer STARTTLS"
        )));
    }
    session.command("STARTTLS", 220).await?;
    if !session.stream.buffer().is_empty() {
        return Err(Failure::connection(
            "the mail server spoke before TLS began",
        ));
    }
    let mut session = Session::new(encrypt(email, session.stream.into_inner()).await?);
    session.greet(&email.hello).await?;
    session.deliver(envelope, text, credentials, true).await
}

async fn encrypt(
    email: &Email,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Failure> {
    let host = &email.smarthost.host;
    let (connector, name) = tls::connector(&email.tls, host).await?;
    let stream = connector.connect(name, stream).await;
    stream.map_err(|error| Failure::connection(format!("TLS with {host}: {error}")))
}

/// A conversation with a server, and what it said it can do.
struct Session<S> {
    stream: BufReader<S>,
    extensions: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
            extensions: Vec::new(),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let broken = |error| Failure::connection(format!("writing to the mail server: {error}"));
        self.stream.write_all(bytes).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }

    /// An answer: its code, and the texts of its lines.
    async fn answer(&mut self) -> Result<(u16, Vec<String>), Failure> {
        let mut left = ANSWER_BYTES;
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = (&mut self.stream)
                .take(left)
                .read_until(b'\n', &mut line)
                .await;
            let read = read.map_err(|error| {
                Failure::connection(format!("reading from the mail server: {error}"))
            })?;
            left -= read as u64;
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code = text.get(..3).and_then(|code| code.parse::<u16>().ok());
            let (Some(code), true) = (code, line.ends_with(b"\n")) else {
                return Err(Failure::connection(
                    "the mail server ended, or said what is no answer",
                ));
            };
            let more = text.as_bytes().get(3) == Some(&b'-');
            lines.push(text.get(4..).unwrap_or_default().to_owned());
            if !more {
                return Ok((code, lines));
            }
        }
    }

    async fn expect(&mut self, wanted: u16) -> Result<Vec<String>, Failure> {
        let (code, lines) = self.answer().await?;
        // 251: the server passes it on.
        if code == wanted || (wanted == 250 && code == 251) {
            return Ok(lines);
        }
        let kind = match code {
            530 | 534 | 535 | 538 => FailureKind::Authentication,
            400..500 => FailureKind::Server,
            _ => FailureKind::Client,
        };
        let said = limit::bytes(&lines.join(" "), SHOWN_BYTES);
        Err(Failure {
            // RFC 5321, 4.2.1: 4yz may pass, 5yz will not.
            retry: code / 100 == 4,
            kind,
            message: format!("the mail server answered {code}: {said}"),
        })
    }

    async fn command(&mut self, line: &str, wanted: u16) -> Result<Vec<String>, Failure> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.expect(wanted).await
    }

    async fn greet(&mut self, hello: &str) -> Result<(), Failure> {
        self.extensions = self.command(&format!("EHLO {hello}"), 250).await?;
        Ok(())
    }

    fn offers(&self, extension: &str) -> bool {
        self.words(extension).is_some()
    }

    /// What stands behind an extension's name.
    fn words(&self, extension: &str) -> Option<Vec<String>> {
        self.extensions.iter().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let name = words.next()?;
            name.eq_ignore_ascii_case(extension)
                .then(|| words.map(str::to_ascii_uppercase).collect())
        })
    }

    /// `private` says that nobody listens.
    async fn deliver(
        &mut self,
        envelope: &Envelope,
        text: &[u8],
        credentials: &Credentials,
        private: bool,
    ) -> Result<(), Failure> {
        self.authenticate(credentials, private).await?;
        let from = envelope.from().map(ToString::to_string).unwrap_or_default();
        self.command(&format!("MAIL FROM:<{from}>"), 250).await?;
        for to in envelope.to() {
            self.command(&format!("RCPT TO:<{to}>"), 250).await?;
        }
        self.command("DATA", 354).await?;
        self.write(&stuffed(text)).await?;
        self.expect(250).await?;
        // The mail is the server's now, whatever it says to this.
        let _ = self.command("QUIT", 221).await;
        Ok(())
    }

    async fn authenticate(
        &mut self,
        credentials: &Credentials,
        private: bool,
    ) -> Result<(), Failure> {
        let Some(offered) = self.words("AUTH").filter(|_| credentials.wanted()) else {
            return Ok(());
        };
        let Some(mechanism) = credentials.choose(&offered) else {
            return Err(Failure::configuration(format!(
                "the mail server offers {}, for which there is no secret",
                offered.join(", ")
            )));
        };
        if !private && mechanism != Mechanism::CramMd5 {
            return Err(Failure::configuration(
                "a password is not sent without TLS: set `require_tls`",
            ));
        }
        match mechanism {
            Mechanism::Plain => {
                let line = format!("AUTH PLAIN {}", credentials.plain().expose());
                self.command(&line, 235).await?;
            }
            Mechanism::Login => {
                self.command("AUTH LOGIN", 334).await?;
                let (user, password) = credentials.login();
                self.command(user.expose(), 334).await?;
                self.command(password.expose(), 235).await?;
            }
            Mechanism::CramMd5 => {
                let challenge = self.command("AUTH CRAM-MD5", 334).await?;
                let answer = credentials.cram_md5(&challenge.concat())?;
                self.command(answer.expose(), 235).await?;
            }
        }
        Ok(())
    }
}

/// The text with a second dot where a line begins with one, and the line that ends it.
fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over a pipe, of which nobody can say that it is private. Time stands still but for waits that
    /// nothing can end.
    #[test]
    fn a_password_is_not_sent_in_the_clear() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        for (offered, wanted) in [
            ("AUTH PLAIN", false),
            ("AUTH LOGIN", false),
            ("AUTH CRAM-MD5", true),
        ] {
            let (near, mut far) = tokio::io::duplex(1024);
            let mut session = Session::new(near);
            session.extensions = vec![offered.to_owned()];
            let credentials = Credentials::new("u", "pass-word", "cram-secret");
            let sent = runtime.block_on(async {
                let authenticate = session.authenticate(&credentials, false);
                let patience = std::time::Duration::from_secs(1);
                let outcome = tokio::time::timeout(patience, authenticate).await;
                let mut sent = vec![0; 64];
                let read = tokio::time::timeout(patience, far.read(&mut sent)).await;
                (outcome.map(|outcome| outcome.is_err()), read.is_ok())
            });
            // A challenge may be asked for; everything else fails before a byte is sent.
            assert_eq!(sent.1, wanted, "{offered}");
            assert_eq!(sent.0.is_ok(), !wanted, "{offered}");
        }
    }

    #[test]
    fn no_line_of_a_mail_ends_it() {
        assert_eq!(stuffed(b".a\r\nb\r\n.\r\n"), b"..a\r\nb\r\n..\r\n.\r\n");
        assert_eq!(stuffed(b"a"), b"a\r\n.\r\n");
    }
}
