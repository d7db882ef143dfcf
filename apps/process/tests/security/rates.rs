//! A token's limit, over processes and within one.

use reqwest::{Method, StatusCode};
use testkit::port::free_port;
use testkit::program::Program;
use testkit::valkey::shared_url;

use crate::support::System;

#[tokio::test]
async fn web_processes_share_the_limit_of_a_token() {
    let system = System::start_with(&shared_url().await, &["--token-rate", "3/1h"]).await;
    let (_another, other_port) = system.another_web().await;
    let (_, ada) = system.curator("ada").await;
    let (_, bob) = system.curator("bob").await;
    let ask = async |port: u16, token: &str| {
        let answer = system.request_at(port, Method::GET, "/v1/me", Some(token), None);
        answer.await.0
    };
    assert_eq!(ask(system.api_port, &ada).await, StatusCode::OK);
    for _ in 0..2 {
        assert_eq!(ask(other_port, &ada).await, StatusCode::OK);
    }
    assert_eq!(
        ask(system.api_port, &ada).await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(ask(system.api_port, &bob).await, StatusCode::OK);
}

#[tokio::test]
async fn without_valkey_a_process_counts_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (api, ops) = (free_port().unwrap(), free_port().unwrap());
    let (http_addr, ops_addr) = (format!("127.0.0.1:{api}"), format!("127.0.0.1:{ops}"));
    let args = [
        "--embedded",
        "--http-addr",
        &http_addr,
        "--ops-addr",
        &ops_addr,
        "--sign-in-rate",
        "2/1h",
    ];
    let mut web = Program::start("web", dir.path(), &args).unwrap();
    web.until_ready(ops, "/readyz").await.unwrap();
    let http = reqwest::Client::new();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let guess = serde_json::json!({"handle": "ada", "password": "wrong horse here"});
        let answer = http.post(format!("http://{http_addr}/v1/tokens"));
        let answer = answer.json(&guess).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 429]);
}
