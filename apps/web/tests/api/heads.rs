//! How large a request's head may be, and what every answer's head says.

use axum::body::Body;
use axum::http::{Method, Request};

use crate::support::{Answer, Api};

fn assert_safe(answer: &Answer) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}: {answer}");
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_that_it_is_data_and_not_to_be_kept() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    assert_safe(&api.get(&ada, "/v1/me").await);
    assert_safe(&api.get(&ada, "/v1/cards/7").await);
    assert_safe(&api.anonymous(Method::GET, "/v1/me", None).await);
    assert_safe(&api.anonymous(Method::GET, "/nothing", None).await);
    assert_safe(&api.anonymous(Method::DELETE, "/v1/me", None).await);
}

#[tokio::test]
async fn header_fields_that_are_too_large_are_431() {
    let api = Api::new();
    let ask = async |length: usize| {
        let request = Request::get("/v1/me").header("x-padding", "a".repeat(length));
        api.send(request.body(Body::empty()).unwrap()).await
    };
    // The name counts as well.
    assert_eq!(ask(16 * 1024 - "x-padding".len()).await.status, 401);
    let refused = ask(16 * 1024).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (431, "headers-too-large".to_owned())
    );
    assert_safe(&refused);
}

#[tokio::test]
async fn a_path_and_query_that_are_too_long_are_414() {
    let api = Api::new();
    let path = format!("/v1/curators?handle={}", "a".repeat(8 * 1024));
    let refused = api.anonymous(Method::GET, &path, None).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (414, "target-too-long".to_owned())
    );
}
