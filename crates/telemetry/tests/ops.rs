//! The operator's endpoints over a real socket.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of a test function"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use telemetry::metrics::{Metrics, OutboxMetrics};
use telemetry::ops::{Checks, OpsHandle, OpsServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

struct Answer {
    status: u16,
    head: String,
    body: String,
}

async fn get(addr: SocketAddr, path: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

async fn serve(checks: Checks, stop: &CancellationToken) -> (SocketAddr, OpsHandle) {
    let server = OpsServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let addr = server.local_addr();
    let handle = server.serve(checks, Arc::new(Metrics::new()), stop.clone());
    (addr, handle)
}

#[tokio::test]
async fn a_process_is_alive_until_a_check_says_that_it_is_not() {
    let is_wedged = Arc::new(AtomicBool::new(false));
    let check = {
        let is_wedged = Arc::clone(&is_wedged);
        move || {
            if is_wedged.load(Ordering::Relaxed) {
                Err("no round for 60s".to_owned())
            } else {
                Ok(())
            }
        }
    };
    let (addr, _ops) = serve(
        Checks::new().alive_if("relay", check),
        &CancellationToken::new(),
    )
    .await;
    let alive = get(addr, "/healthz").await;
    assert_eq!((alive.status, alive.body.as_str()), (200, "ok\n"));

    is_wedged.store(true, Ordering::Relaxed);
    let wedged = get(addr, "/healthz").await;
    assert_eq!(
        (wedged.status, wedged.body.as_str()),
        (503, "relay: no round for 60s\n")
    );
}

#[tokio::test]
async fn a_process_is_ready_when_everything_it_needs_answers() {
    let checks = Checks::new()
        .ready_if("database", || async { Ok(()) })
        .ready_if("valkey", || async { Ok(()) });
    let (addr, _ops) = serve(checks, &CancellationToken::new()).await;
    let ready = get(addr, "/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(ready.head.contains("application/json"), "{}", ready.head);
    assert_eq!(
        ready.body,
        r#"{"status":"ready","checks":{"database":"ok","valkey":"ok"}}"#
    );
}

#[tokio::test]
async fn a_process_is_not_ready_when_something_does_not_answer_and_says_why() {
    let checks = Checks::new()
        .ready_if("database", || async { Ok(()) })
        .ready_if("valkey", || async { Err("connection refused".to_owned()) });
    let (addr, _ops) = serve(checks, &CancellationToken::new()).await;
    let ready = get(addr, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.body,
        r#"{"status":"not-ready","checks":{"database":"ok","valkey":"connection refused"}}"#
    );
}

#[tokio::test]
async fn what_work_goes_on_without_is_shown_and_decides_nothing() {
    let checks = Checks::new()
        .ready_if("database", || async { Ok(()) })
        .shows("valkey", || async { Err("connection refused".to_owned()) });
    let (addr, _ops) = serve(checks, &CancellationToken::new()).await;
    let ready = get(addr, "/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.body,
        r#"{"status":"degraded","checks":{"database":"ok","valkey":"connection refused"}}"#
    );
}

#[tokio::test]
async fn a_draining_process_is_alive_and_not_ready() {
    let stop = CancellationToken::new();
    let (addr, _ops) = serve(Checks::new(), &stop).await;
    stop.cancel();
    let ready = get(addr, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.body, r#"{"status":"draining","checks":{}}"#);
    assert_eq!(get(addr, "/healthz").await.status, 200);
    assert_eq!(get(addr, "/metrics").await.status, 200);
}

#[tokio::test]
async fn metrics_are_open_metrics_text_refreshed_before_each_scrape() {
    let mut metrics = Metrics::new();
    let outbox = OutboxMetrics::register(&mut metrics);
    metrics.refresh_with("outbox", move || {
        outbox.set(42, 0, None);
        async { Ok(()) }
    });
    let server = OpsServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let addr = server.local_addr();
    let _ops = server.serve(Checks::new(), Arc::new(metrics), CancellationToken::new());
    let scraped = get(addr, "/metrics").await;
    assert_eq!(scraped.status, 200);
    assert!(
        scraped
            .head
            .contains("application/openmetrics-text; version=1.0.0"),
        "{}",
        scraped.head
    );
    assert!(
        scraped.body.contains("bellwether_outbox_pending 42\n"),
        "{}",
        scraped.body
    );
}

#[tokio::test]
async fn a_taken_port_is_said_in_one_sentence() {
    let taken = OpsServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let addr = taken.local_addr();
    let error = OpsServer::bind(addr).await.unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        format!(
            "can't listen on {addr} for the operator's endpoints: the address is already in use"
        )
    );
}

#[tokio::test]
async fn dropping_the_handle_closes_the_port() {
    let (addr, ops) = serve(Checks::new(), &CancellationToken::new()).await;
    drop(ops);
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
