//! An answer of the API, and how it is written in a snapshot.

use std::fmt;

use axum::body::to_bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use insta::Settings;
use serde_json::Value;

/// What the API answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// The headers that a snapshot shows, besides those that every answer has.
const SHOWN: [&str; 6] = [
    "content-type",
    "location",
    "link",
    "allow",
    "retry-after",
    "www-authenticate",
];

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Self {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(bytes.into()).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self}"))
    }

    /// The text at a JSON Pointer.
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let json = self.json();
        let text = json.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text at {pointer}: {self}"))
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("no {name}: {self}"))
            .to_str()
            .unwrap()
    }

    /// The code of a problem document.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self}"
        );
        self.text_at("/code")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for name in SHOWN {
            for value in self.headers.get_all(name) {
                writeln!(f, "{name}: {}", value.to_str().unwrap_or("?"))?;
            }
        }
        match serde_json::from_str::<Value>(&self.body) {
            Ok(json) => write!(f, "\n{json:#}"),
            Err(_) => write!(f, "\n{}", self.body),
        }
    }
}

/// Runs assertions with everything that differs from run to run replaced.
pub(crate) fn redacted(assert: impl FnOnce()) {
    let mut settings = Settings::clone_current();
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
    settings.add_filter(uuid, "[id]");
    settings.add_filter("bw_[A-Za-z0-9_-]{43}", "[secret]");
    settings.add_filter("bw_[A-Za-z0-9_-]{5}", "[prefix]");
    settings.add_filter(r#""traceId": "[0-9a-f]{32}""#, r#""traceId": "[trace]""#);
    settings.add_filter("cursor=[A-Za-z0-9_-]{32}", "cursor=[cursor]");
    settings.add_filter(r#""next": "[A-Za-z0-9_-]{32}""#, r#""next": "[cursor]""#);
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[time]");
    settings.bind(assert);
}
