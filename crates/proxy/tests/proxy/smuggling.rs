//! What two servers could read in two ways is refused, byte for byte on the raw socket.

use crate::support::{Proxy, Raw, Upstream};

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\n";
/// What a smuggler hides behind the first request.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/// The request must be answered with `status`, the connection must end without another answer,
/// and no endpoint may have seen a whole request.
async fn is_refused(request: &str, status: u16) {
    let upstream = Upstream::named("app").await;
    let (_proxy, _, address) = Proxy::serving(vec![upstream.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    client.send(format!("{request}{HIDDEN}")).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, status, "{request:?}: {answer:?}");
    assert!(client.is_ended().await, "{request:?}: still open");
    assert_eq!(upstream.count(), 0, "{request:?} reached the endpoint");
}

#[tokio::test]
async fn no_host() {
    is_refused("GET / HTTP/1.1\r\n\r\n", 400).await;
    is_refused("GET / HTTP/1.0\r\n\r\n", 400).await;
}

#[tokio::test]
async fn two_hosts() {
    is_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400).await;
    is_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400).await;
}

#[tokio::test]
async fn a_host_that_is_none() {
    for host in ["a b", "a/b", "user@a", "a,b", "a:80x"] {
        is_refused(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400).await;
    }
}

#[tokio::test]
async fn both_lengths_in_either_order() {
    let (length, coding) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
    let body = "\r\n0\r\n\r\n";
    is_refused(&format!("{HEAD}{length}{coding}{body}"), 400).await;
    is_refused(&format!("{HEAD}{coding}{length}{body}"), 400).await;
}

#[tokio::test]
async fn both_lengths_behind_a_good_request() {
    let upstream = Upstream::named("app").await;
    let (_proxy, _, address) = Proxy::serving(vec![upstream.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    let bad = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!("{good}{HEAD}{bad}{HIDDEN}")).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 400);
    assert!(client.is_ended().await);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn two_lengths() {
    for other in ["5", "6"] {
        let lengths = format!("Content-Length: 5\r\nContent-Length: {other}\r\n");
        is_refused(&format!("{HEAD}{lengths}\r\nabcde"), 400).await;
    }
}

#[tokio::test]
async fn a_length_that_is_none() {
    for length in [
        "5, 5",
        "+5",
        "-5",
        "0x5",
        "5 5",
        "",
        "99999999999999999999999",
    ] {
        is_refused(&format!("{HEAD}Content-Length: {length}\r\n\r\nabcde"), 400).await;
    }
}

#[tokio::test]
async fn a_transfer_coding_that_is_not_chunked_alone() {
    let coded = |coding: &str| format!("{HEAD}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
    is_refused(&coded("gzip"), 400).await;
    is_refused(&coded("chunked, identity"), 400).await;
    is_refused(&coded("gzip, chunked"), 501).await;
    is_refused(&coded("chunked, chunked"), 501).await;
    let old = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    is_refused(old, 400).await;
}

#[tokio::test]
async fn a_folded_line() {
    is_refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400).await;
    is_refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400).await;
}

#[tokio::test]
async fn a_space_before_the_colon() {
    is_refused("GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400).await;
    is_refused(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nabcde",
        400,
    )
    .await;
    is_refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400).await;
}

#[tokio::test]
async fn bytes_that_no_header_has() {
    is_refused("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400).await;
    is_refused("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400).await;
    is_refused("GET /\x7f\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400).await;
    is_refused("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400).await;
}

/// The head is good, so the endpoint may have seen it; a whole request it never sees.
#[tokio::test]
async fn bad_chunks() {
    for chunks in [
        "x\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "3 3\r\nabc\r\n0\r\n\r\n",
    ] {
        use http_body_util::BodyExt as _;
        let upstream = Upstream::serving(|request| async move {
            let whole = request.into_body().collect().await;
            assert!(whole.is_err(), "a whole body came through: {whole:?}");
            crate::support::text("whole")
        })
        .await;
        let (_proxy, _, address) = Proxy::serving(vec![upstream.endpoint("app-1")]).await;
        let mut client = Raw::connect(address).await;
        let coding = "Transfer-Encoding: chunked\r\n\r\n";
        client.send(format!("{HEAD}{coding}{chunks}{HIDDEN}")).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 400, "{chunks:?}: {answer:?}");
        assert!(client.is_ended().await, "{chunks:?}: still open");
        assert!(upstream.count() <= 1, "{chunks:?} let the next one through");
    }
}

#[tokio::test]
async fn connect_is_not_served() {
    is_refused("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405).await;
}
