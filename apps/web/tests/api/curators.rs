//! `/v1/curators` and `/v1/me`.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::http::Method;
use domain::{EventEnvelope, EventKind};
use insta::assert_snapshot;
use serde_json::{Value, json};
use web::Argon2Passwords;

use crate::support::{Api, PASSWORD, redacted};

async fn refused(api: &Api, body: Value) -> String {
    let answer = api
        .anonymous(Method::POST, "/v1/curators", Some(body))
        .await;
    assert!(answer.status.is_client_error(), "{answer}");
    answer.to_string()
}

#[tokio::test]
async fn somebody_registers() {
    let api = Api::new();
    let body = json!({"handle": "Ada", "displayName": "Ada Lovelace", "password": PASSWORD});
    let answer = api
        .anonymous(Method::POST, "/v1/curators", Some(body))
        .await;
    redacted(|| assert_snapshot!(answer));
    let location = format!("/v1/curators/{}", answer.text_at("/id"));
    assert_eq!(answer.header("location"), location);
    let kinds: Vec<_> = api.events().iter().map(EventEnvelope::kind).collect();
    assert_eq!(kinds, [EventKind::CuratorRegistered]);
}

#[tokio::test]
async fn the_handle_is_the_display_name_of_who_gives_none() {
    let api = Api::new();
    let body = json!({"handle": "Ada", "password": PASSWORD});
    let answer = api
        .anonymous(Method::POST, "/v1/curators", Some(body))
        .await;
    assert_eq!(answer.text_at("/displayName"), "ada");
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let api = Api::new();
    let body = json!({"handle": "a b", "displayName": " ", "password": "short"});
    let answer = refused(&api, body).await;
    redacted(|| assert_snapshot!(answer));
    let missing = refused(&api, json!({})).await;
    redacted(|| assert_snapshot!("every_field_that_is_missing_is_named_at_once", missing));
    assert!(api.events().is_empty());
}

#[tokio::test]
async fn a_handle_is_taken_once() {
    let api = Api::new();
    api.curator("ada").await;
    let answer = refused(&api, json!({"handle": "ADA", "password": PASSWORD})).await;
    redacted(|| assert_snapshot!(answer));
    assert_eq!(api.events().len(), 1);
}

#[tokio::test]
async fn a_curator_is_shown_by_id_by_handle_and_as_oneself() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let bob = api.curator("bob").await;
    let by_id = api.get(&bob, &format!("/v1/curators/{}", ada.id)).await;
    redacted(|| assert_snapshot!(by_id));
    let by_handle = api.get(&bob, "/v1/curators?handle=Ada").await;
    let oneself = api.get(&ada, "/v1/me").await;
    assert_eq!(by_handle.body, by_id.body);
    assert_eq!(oneself.body, by_id.body);
}

#[tokio::test]
async fn an_unknown_curator_is_404() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let by_id = api
        .get(&ada, "/v1/curators/019ab30c-2a00-7000-8000-000000000000")
        .await;
    redacted(|| assert_snapshot!(by_id));
    let by_handle = api.get(&ada, "/v1/curators?handle=nobody").await;
    assert_eq!(by_handle.status, 404);
    assert_eq!(by_handle.code(), "unknown-curator");
}

#[tokio::test]
async fn an_id_that_is_none_is_named() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let answer = api.get(&ada, "/v1/curators/ada").await;
    redacted(|| assert_snapshot!(answer));
}

#[tokio::test]
async fn looking_for_a_handle_needs_one() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let missing = api.get(&ada, "/v1/curators").await;
    redacted(|| assert_snapshot!(missing));
    let wrong = api.get(&ada, "/v1/curators?handle=a%20b&page=2").await;
    redacted(|| assert_snapshot!("every_parameter_that_is_wrong_is_named_at_once", wrong));
}

#[tokio::test]
async fn passwords_are_kept_with_argon2() {
    let api = Api::with_passwords(Arc::new(Argon2Passwords::new(NonZeroUsize::MIN)));
    let ada = api.curator("ada").await;
    assert_eq!(api.get(&ada, "/v1/me").await.status, 200);
    let wrong = json!({"handle": "ada", "password": "correct house"});
    let answer = api.anonymous(Method::POST, "/v1/tokens", Some(wrong)).await;
    assert_eq!(answer.code(), "wrong-credentials");
}
