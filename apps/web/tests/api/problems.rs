//! Every error of the API is a problem document. Those of one route alone are with that route.

use axum::body::Body;
use axum::http::{Method, Request, header};
use insta::assert_snapshot;
use serde_json::json;
use web::problem::ProblemKind;

use crate::support::{Answer, Api, Away, HANGS, PANICS, PASSWORD, redacted, request};

/// Registers with a body that is given as it goes over the wire.
async fn register_with(api: &Api, content_type: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::post("/v1/curators");
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    api.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_body_that_is_not_json() {
    let api = Api::new();
    let answer = register_with(&api, Some("application/json"), r#"{"handle": "ada","#).await;
    redacted(|| assert_snapshot!(answer));
}

#[tokio::test]
async fn a_body_with_a_field_that_nobody_knows() {
    let api = Api::new();
    let body = json!({"handle": "ada", "password": PASSWORD, "admin": true});
    let answer = register_with(&api, Some("application/json"), body.to_string()).await;
    redacted(|| assert_snapshot!(answer));
    assert!(api.events().is_empty());
}

#[tokio::test]
async fn a_body_with_a_field_of_a_wrong_type() {
    let api = Api::new();
    let body = json!({"handle": {"name": "ada"}, "password": PASSWORD});
    let answer = register_with(&api, Some("application/json"), body.to_string()).await;
    redacted(|| assert_snapshot!(answer));
}

#[tokio::test]
async fn a_body_of_another_media_type() {
    let api = Api::new();
    let form = Some("application/x-www-form-urlencoded");
    let answer = register_with(&api, form, "handle=ada").await;
    redacted(|| assert_snapshot!(answer));
    let none = register_with(&api, None, "{}").await;
    assert_eq!(none.code(), "unsupported-media-type");
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let api = Api::new();
    let body = json!({"handle": "a".repeat(64 * 1024), "password": PASSWORD});
    let answer = register_with(&api, Some("application/json"), body.to_string()).await;
    redacted(|| assert_snapshot!(answer));
}

#[tokio::test]
async fn a_path_that_is_no_route() {
    let api = Api::new();
    let answer = api.anonymous(Method::GET, "/v1/nothing?at=all", None).await;
    redacted(|| assert_snapshot!(answer));
    for path in ["/", "/v1", "/v1/cards/", "/v2/cards", "/v1/cards/1/2"] {
        let answer = api.anonymous(Method::GET, path, None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "unknown-route")
        );
    }
}

#[tokio::test]
async fn a_method_that_its_route_has_not() {
    let api = Api::new();
    let answer = api.anonymous(Method::PATCH, "/v1/curators", None).await;
    redacted(|| assert_snapshot!(answer));
    let unread = api
        .anonymous(Method::POST, "/v1/notifications/unread", None)
        .await;
    assert_eq!(unread.code(), "method-not-allowed");
    assert_eq!(unread.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_path_with_a_parameter_that_is_no_text() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let answer = api.get(&ada, "/v1/cards/%ff").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "invalid-parameter")
    );
}

#[tokio::test]
async fn no_token() {
    let api = Api::new();
    let answer = api.anonymous(Method::GET, "/v1/me", None).await;
    redacted(|| assert_snapshot!(answer));
}

#[tokio::test]
async fn a_wrong_token() {
    let api = Api::new();
    api.curator("ada").await;
    let wrong = "bw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let answer = api
        .send(request(Method::GET, "/v1/me", Some(wrong), None))
        .await;
    redacted(|| assert_snapshot!(answer));
}

#[tokio::test]
async fn an_authorization_of_another_kind() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    for value in ["", "Bearer", "Basic YWRhOnNlY3JldA==", &ada.token] {
        let request = Request::get("/v1/me").header(header::AUTHORIZATION, value);
        let answer = api.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "unauthenticated")
        );
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"bellwether\""
        );
    }
    let twice = Request::get("/v1/me")
        .header(header::AUTHORIZATION, format!("Bearer {}", ada.token))
        .header(header::AUTHORIZATION, format!("Bearer {}", ada.token));
    let answer = api.send(twice.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.code(), "unauthenticated");
    let lowercase =
        Request::get("/v1/me").header(header::AUTHORIZATION, format!("bearer {}", ada.token));
    let answer = api.send(lowercase.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200, "the scheme has no case");
}

#[tokio::test]
async fn everything_but_registering_and_signing_in_needs_a_token() {
    let api = Api::new();
    let id = "019ab30c-2a00-7000-8000-000000000000";
    let routes = [
        (Method::GET, "/v1/me".to_owned()),
        (Method::GET, "/v1/curators?handle=ada".to_owned()),
        (Method::GET, format!("/v1/curators/{id}")),
        (Method::GET, "/v1/tokens".to_owned()),
        (Method::DELETE, format!("/v1/tokens/{id}")),
        (Method::GET, "/v1/follows".to_owned()),
        (Method::PUT, format!("/v1/follows/{id}")),
        (Method::DELETE, format!("/v1/follows/{id}")),
        (Method::GET, "/v1/cards".to_owned()),
        (Method::POST, "/v1/cards".to_owned()),
        (Method::GET, format!("/v1/cards/{id}")),
        (Method::DELETE, format!("/v1/cards/{id}")),
        (Method::GET, "/v1/feeds/home".to_owned()),
        (Method::GET, "/v1/notifications".to_owned()),
        (Method::GET, "/v1/notifications/unread".to_owned()),
        (Method::POST, "/v1/notifications/read".to_owned()),
        (Method::GET, format!("/v1/notifications/{id}/entries")),
        (Method::GET, "/v1/analytics/totals".to_owned()),
    ];
    for (method, path) in routes {
        let answer = api.anonymous(method.clone(), &path, Some(json!({}))).await;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(answer.code(), "unauthenticated", "{method} {path}");
    }
}

#[tokio::test]
async fn storage_that_does_not_answer() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let lost = api.losing_storage(Away::Writing);
    let answer = lost
        .post(&ada, "/v1/cards", json!({"note": "A thought"}))
        .await;
    redacted(|| assert_snapshot!(answer));
    assert!(!answer.body.contains("the secret cause"));
    assert_eq!(
        lost.get(&ada, "/v1/cards").await.status,
        200,
        "what can be read is"
    );

    let lost = api.losing_storage(Away::Everything);
    assert_eq!(
        lost.get(&ada, "/v1/cards").await.code(),
        "storage-unavailable"
    );
}

#[tokio::test]
async fn something_that_somebody_else_changed_at_the_same_time() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let contended = api.losing_storage(Away::Contended);
    let answer = contended
        .post(&ada, "/v1/cards", json!({"note": "A thought"}))
        .await;
    redacted(|| assert_snapshot!(answer));
}

#[tokio::test]
async fn storage_that_holds_nonsense() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let answer = api.losing_storage(Away::Corrupt).get(&ada, "/v1/me").await;
    redacted(|| assert_snapshot!(answer));
    assert!(!answer.body.contains("the secret cause"));
}

#[tokio::test]
async fn a_handler_that_panics() {
    let api = Api::new();
    let body = json!({"handle": "ada", "password": PANICS});
    let answer = api
        .anonymous(Method::POST, "/v1/curators", Some(body))
        .await;
    redacted(|| assert_snapshot!(answer));
    assert!(!answer.body.contains("the secret cause"));
    assert!(api.events().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long() {
    let api = Api::new();
    let body = json!({"handle": "ada", "password": HANGS});
    let answer = api
        .anonymous(Method::POST, "/v1/curators", Some(body))
        .await;
    redacted(|| assert_snapshot!(answer));
}

#[test]
fn the_kinds_of_problems_are_stable() {
    let lines = ProblemKind::ALL.iter().map(|kind| {
        let (status, code, title) = (kind.status().as_u16(), kind.code(), kind.title());
        format!("{status} {code}: {title}\n")
    });
    assert_snapshot!(lines.collect::<String>());
}
