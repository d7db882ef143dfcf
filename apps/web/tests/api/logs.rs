//! What the log says about a request.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Api, Away};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// Collects what is logged on this thread until the guard is dropped.
    fn collect() -> (Self, ::tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(lines.clone())
            .finish();
        let guard = ::tracing::subscriber::set_default(subscriber);
        (lines, guard)
    }

    fn all(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn a_request_is_one_line_with_its_route_status_and_caller() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let card = api.save_url(&ada, "https://example.org/").await;
    let (lines, _guard) = Lines::collect();
    let answer = api.get(&ada, &format!("/v1/cards/{card}")).await;
    let [line] = &lines.all()[..] else {
        panic!("not one line: {:?}", lines.all())
    };
    let span = &line["span"];
    assert_eq!(span["name"], "http.request");
    assert_eq!(span["http.route"], "/v1/cards/{id}");
    assert_eq!(span["http.path"], format!("/v1/cards/{card}"));
    assert_eq!(
        (&span["http.method"], &span["http.status"]),
        (&json!("GET"), &json!(200))
    );
    assert_eq!(span["curator.id"], ada.id);
    assert_eq!(span["request.id"], answer.header("x-request-id"));
    assert!(
        answer
            .header("traceparent")
            .contains(span["trace.id"].as_str().unwrap())
    );
    assert!(span["duration_ms"].is_number());
    assert!(!line.to_string().contains(&ada.token), "{line}");
}

#[tokio::test]
async fn the_cause_of_an_error_is_logged_once() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let lost = api.losing_storage(Away::Writing);
    let (lines, _guard) = Lines::collect();
    lost.post(&ada, "/v1/cards", json!({"note": "A thought"}))
        .await;
    let errors: Vec<_> = lines
        .all()
        .into_iter()
        .filter(|line| line["level"] == "ERROR")
        .collect();
    let [error] = &errors[..] else {
        panic!("not one error: {errors:?}")
    };
    assert_eq!(error["error"], "storage is unavailable: the secret cause");
    assert_eq!(error["problem.code"], "storage-unavailable");
    assert_eq!(error["span"]["http.route"], "/v1/cards");
    assert!(!error.to_string().contains("A thought"), "{error}");
}
