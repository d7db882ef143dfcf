//! The API over a real socket: how it lets go, and what a slow client gets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use web::Limits;

use crate::support::{Api, HANGS};

/// Long enough never to pass in a test that goes right.
const LONG: Duration = Duration::from_secs(30);

struct Served {
    addr: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<bool>,
}

async fn serve(api: &Api, grace: Duration) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = web::serve(listener, api.router.clone(), stop.clone(), grace);
    #[expect(clippy::disallowed_methods, reason = "the test waits for it itself")]
    let ended = tokio::spawn(async move { serving.await.unwrap() });
    Served { addr, stop, ended }
}

/// Reads until the text is there, or until the server hangs up.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        if stream.read_buf(&mut read).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8(read).unwrap()
}

const GET: &[u8] = b"GET /v1/me HTTP/1.1\r\nHost: web\r\n\r\n";

#[tokio::test]
async fn an_idle_connection_does_not_hold_the_process() {
    let served = serve(&Api::new(), LONG).await;
    let mut idle = TcpStream::connect(served.addr).await.unwrap();
    idle.write_all(GET).await.unwrap();
    let answer = read_until(&mut idle, "\"traceId\"").await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");

    served.stop.cancel();
    assert!(served.ended.await.unwrap(), "everything was answered");
    assert!(
        TcpStream::connect(served.addr).await.is_err(),
        "the port is closed"
    );
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up_after_the_grace_period() {
    let api = Api::new();
    let served = serve(&api, Duration::from_millis(20)).await;
    let mut stuck = TcpStream::connect(served.addr).await.unwrap();
    let body = format!(r#"{{"handle":"ada","password":"{HANGS}"}}"#);
    let head = "POST /v1/curators HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\n";
    let head = format!(
        "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stuck.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body when the handler reads it: the request is under way.
    read_until(&mut stuck, "100 Continue\r\n\r\n").await;
    stuck.write_all(body.as_bytes()).await.unwrap();

    served.stop.cancel();
    assert!(!served.ended.await.unwrap(), "the request was given up");
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_the_stop() {
    let served = serve(&Api::new(), LONG).await;
    let mut slow = TcpStream::connect(served.addr).await.unwrap();
    let head = b"POST /v1/curators HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\n\
        Content-Type: application/json\r\nContent-Length: 2\r\n\r\n";
    slow.write_all(head).await.unwrap();
    read_until(&mut slow, "100 Continue\r\n\r\n").await;
    served.stop.cancel();
    slow.write_all(b"{}").await.unwrap();
    let answer = read_until(&mut slow, "\"traceId\"").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(served.ended.await.unwrap(), "everything was answered");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_408() {
    let api = Api::with_limits(Limits {
        body_time: Duration::from_millis(20),
        ..Limits::default()
    });
    let served = serve(&api, LONG).await;
    let mut slow = TcpStream::connect(served.addr).await.unwrap();
    let head = b"POST /v1/curators HTTP/1.1\r\nHost: web\r\n\
        Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{";
    slow.write_all(head).await.unwrap();
    let answer = read_until(&mut slow, "\"traceId\"").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"body-timed-out\""), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let served = serve(&Api::new(), LONG).await;
    let mut broken = TcpStream::connect(served.addr).await.unwrap();
    let head = b"POST /v1/curators HTTP/1.1\r\nHost: web\r\n\
        Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n";
    broken.write_all(head).await.unwrap();
    let answer = read_until(&mut broken, "\"traceId\"").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("\"code\":\"unreadable-body\""), "{answer}");
}

#[tokio::test]
async fn more_header_fields_than_any_client_sends_are_refused_before_they_are_kept() {
    let served = serve(&Api::new(), LONG).await;
    let mut wordy = TcpStream::connect(served.addr).await.unwrap();
    let fields = "x-field: a\r\n".repeat(101);
    let head = format!("GET /v1/me HTTP/1.1\r\nHost: web\r\n{fields}\r\n");
    wordy.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut wordy, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}
