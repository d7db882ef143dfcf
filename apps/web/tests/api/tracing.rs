//! What ties a request to its trace, its log lines, its events and its metrics.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use serde_json::json;
use telemetry::trace_context::TraceParent;

use crate::support::{Answer, Api, PASSWORD};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn get_with(api: &Api, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = Request::get("/v1/nothing").body(Body::empty()).unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    api.send(request).await
}

fn trace_of(answer: &Answer) -> TraceParent {
    answer.header("traceparent").parse().unwrap()
}

#[tokio::test]
async fn a_trace_is_continued_with_a_span_of_its_own() {
    let api = Api::new();
    let parent: TraceParent = PARENT.parse().unwrap();
    let answer = get_with(&api, &[("traceparent", PARENT)]).await;
    let trace = trace_of(&answer);
    assert_eq!(trace.trace_id(), parent.trace_id());
    assert_ne!(trace.span_id(), parent.span_id());
    assert_eq!(answer.text_at("/traceId"), parent.trace_id());
}

#[tokio::test]
async fn without_a_valid_trace_a_new_one_begins() {
    let api = Api::new();
    let parent: TraceParent = PARENT.parse().unwrap();
    let broken = PARENT.to_uppercase();
    for headers in [
        vec![],
        vec![("traceparent", broken.as_str())],
        vec![("traceparent", "")],
        vec![("traceparent", PARENT), ("traceparent", PARENT)],
    ] {
        let answer = get_with(&api, &headers).await;
        assert_ne!(trace_of(&answer).trace_id(), parent.trace_id());
        assert_eq!(answer.text_at("/traceId"), trace_of(&answer).trace_id());
    }
}

#[tokio::test]
async fn a_request_id_is_echoed_if_it_is_sane() {
    let api = Api::new();
    let longest = "x".repeat(128);
    for id in ["abc-123", "a", "~!@#$%", longest.as_str()] {
        let answer = get_with(&api, &[("x-request-id", id)]).await;
        assert_eq!(answer.header("x-request-id"), id);
    }
    let too_long = "x".repeat(129);
    for id in ["", "two words", too_long.as_str(), "\u{e4}"] {
        let answer = get_with(&api, &[("x-request-id", id)]).await;
        let generated = answer.header("x-request-id");
        assert_eq!(generated.len(), 36, "{generated}");
    }
}

#[tokio::test]
async fn events_say_which_request_led_to_them() {
    let api = Api::new();
    let body = json!({"handle": "ada", "password": PASSWORD});
    let answer = api
        .anonymous(Method::POST, "/v1/curators", Some(body))
        .await;
    let events = api.events();
    let [event] = &events[..] else {
        panic!("not one event: {events:?}")
    };
    assert_eq!(
        event.origin.traceparent.as_deref(),
        Some(answer.header("traceparent"))
    );
    assert_eq!(
        event.origin.correlation_id.to_string(),
        answer.header("x-request-id")
    );
    assert_eq!(event.origin.causation_id, None);
}

#[tokio::test]
async fn requests_are_measured_by_route_and_never_by_path() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let card = api.save_url(&ada, "https://example.org/").await;
    api.get(&ada, &format!("/v1/cards/{card}")).await;
    api.get(&ada, "/v1/nothing").await;
    let odd = Method::from_bytes(b"BREW").unwrap();
    api.anonymous(odd, "/v1/cards", None).await;
    let text = api.metrics.scrape().await.unwrap();
    for labels in [
        r#"{route="/v1/cards",method="POST",status="201"} 1"#,
        r#"{route="/v1/cards/{id}",method="GET",status="200"} 1"#,
        r#"{route="unmatched",method="GET",status="404"} 1"#,
        r#"{route="/v1/cards",method="OTHER",status="405"} 1"#,
    ] {
        let line = format!("bellwether_http_request_duration_seconds_count{labels}\n");
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    assert!(!text.contains(&card) && !text.contains("BREW"), "{text}");
}
