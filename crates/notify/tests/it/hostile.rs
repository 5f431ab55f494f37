//! Servers that break the rules: each costs its own try and nothing else.

use crate::support::{NOW, PATIENCE, alert, block_on, integration, notification, sender};
use mainstay_alert::AlertStatus::Firing;
use mainstay_notify::{Failure, FailureKind};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// A server that does this with each connection; its port.
fn server(talk: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.set_write_timeout(Some(PATIENCE));
            talk(stream);
        }
    });
    port
}

fn send(receiver: &str, within: Duration) -> Failure {
    let integration = integration(receiver);
    let notification = notification(&integration, vec![alert(Firing, "a")]);
    block_on(sender().send(&integration, &notification, NOW, within)).unwrap_err()
}

fn mail(port: u16, more: &str) -> Failure {
    let receiver = format!(
        "  email_configs: [{{to: a@example.org, from: m@example.org, smarthost: '127.0.0.1:{port}', {more}}}]"
    );
    send(&receiver, PATIENCE)
}

/// Reads a line, then answers.
fn turn(stream: &mut BufReader<TcpStream>, answer: &str) {
    let mut line = String::new();
    let _ = stream.read_line(&mut line);
    let _ = stream.get_mut().write_all(answer.as_bytes());
}

fn greeted(stream: TcpStream) -> BufReader<TcpStream> {
    let mut stream = BufReader::new(stream);
    let _ = stream.get_mut().write_all(b"220 here\r\n");
    stream
}

#[test]
fn what_a_mail_server_says_before_tls_counts_for_nothing() {
    let port = server(|stream| {
        let mut stream = greeted(stream);
        turn(&mut stream, "250-here\r\n250 STARTTLS\r\n");
        turn(&mut stream, "220 go\r\n250 AUTH PLAIN\r\n");
        turn(&mut stream, "");
    });
    let failure = mail(port, "auth_username: u, auth_password: hidden");
    assert_eq!(failure.message, "the mail server spoke before TLS began");
    assert_eq!(
        (failure.retry, failure.kind),
        (true, FailureKind::Connection)
    );
}

#[test]
fn a_mail_server_that_never_ends_is_left() {
    for talk in [
        (|mut stream| while stream.write_all(b"220-more\r\n").is_ok() {}) as fn(TcpStream),
        |mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {},
        |mut stream| {
            let _ = stream.write_all(b"220");
        },
        |mut stream| {
            let _ = stream.write_all("2\u{20ac}0 x\r\n".as_bytes());
        },
        drop,
    ] {
        let failure = mail(server(talk), "require_tls: false");
        assert_eq!(
            (failure.retry, failure.kind),
            (true, FailureKind::Connection),
            "{failure:?}"
        );
    }
}

#[test]
fn ways_to_authenticate_that_we_have_no_secret_for_are_told() {
    let port = server(|stream| {
        let mut stream = greeted(stream);
        turn(&mut stream, "250-here\r\n250 AUTH GSSAPI XOAUTH2\r\n");
    });
    let failure = mail(
        port,
        "require_tls: false, auth_username: u, auth_password: hidden",
    );
    assert_eq!(
        failure.message,
        "the mail server offers GSSAPI, XOAUTH2, for which there is no secret"
    );
}

#[test]
fn a_mail_server_that_is_silent_costs_the_deadline() {
    let port = server(|stream| {
        let mut stream = BufReader::new(stream);
        turn(&mut stream, "");
    });
    let receiver = format!(
        "  email_configs: [{{to: a@example.org, from: m@example.org, smarthost: '127.0.0.1:{port}', require_tls: false}}]"
    );
    let failure = send(&receiver, Duration::from_millis(200));
    assert_eq!((failure.retry, failure.kind), (true, FailureKind::Deadline));
}

#[test]
fn an_answer_that_is_no_http_is_a_broken_connection() {
    for talk in [
        (|mut stream: TcpStream| {
            let _ = stream.write_all(b"nonsense\r\n\r\n");
        }) as fn(TcpStream),
        |mut stream| {
            let _ = stream.write_all(b"HTTP/1.1 ");
        },
        |mut stream| while stream.write_all(b"HTTP/1.1 200 OK\r\na: b\r\n").is_ok() {},
        drop,
    ] {
        let port = server(talk);
        let failure = send(
            &format!("  webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]"),
            PATIENCE,
        );
        assert_eq!(
            (failure.retry, failure.kind),
            (true, FailureKind::Connection),
            "{failure:?}"
        );
    }
}
