//! `/v1/tokens`.

use std::time::Duration;

use axum::http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Api, Caller, PASSWORD, redacted};

#[tokio::test]
async fn a_token_is_issued_for_handle_and_password_and_shown_once() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    api.clock.advance(Duration::from_secs(1));
    let body = json!({"handle": "ada", "password": PASSWORD, "name": "laptop"});
    let issued = api.anonymous(Method::POST, "/v1/tokens", Some(body)).await;
    redacted(|| assert_snapshot!(issued));

    let second = Caller {
        id: ada.id.clone(),
        token: issued.text_at("/token"),
    };
    let listed = api.get(&second, "/v1/tokens").await;
    redacted(|| assert_snapshot!("tokens_are_listed_without_their_secrets", listed));
    assert!(!listed.body.contains(&second.token));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_handle_are_answered_alike() {
    let api = Api::new();
    api.curator("ada").await;
    let wrong = json!({"handle": "ada", "password": "correct house"});
    let wrong = api.anonymous(Method::POST, "/v1/tokens", Some(wrong)).await;
    redacted(|| assert_snapshot!(wrong));
    let unknown = json!({"handle": "nobody", "password": PASSWORD});
    let unknown = api
        .anonymous(Method::POST, "/v1/tokens", Some(unknown))
        .await;
    assert_eq!(unknown.status, wrong.status);
    assert_eq!(unknown.text_at("/detail"), wrong.text_at("/detail"));
}

#[tokio::test]
async fn a_revoked_token_is_of_no_use() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let id = api.get(&ada, "/v1/tokens").await.text_at("/items/0/id");
    let revoked = api.delete(&ada, &format!("/v1/tokens/{id}")).await;
    assert_eq!((revoked.status.as_u16(), revoked.body.as_str()), (204, ""));
    let refused = api.get(&ada, "/v1/me").await;
    redacted(|| assert_snapshot!(refused));
}

#[tokio::test]
async fn nobody_revokes_the_token_of_somebody_else() {
    let api = Api::new();
    let (ada, bob) = (api.curator("ada").await, api.curator("bob").await);
    let id = api.get(&ada, "/v1/tokens").await.text_at("/items/0/id");
    let answer = api.delete(&bob, &format!("/v1/tokens/{id}")).await;
    redacted(|| assert_snapshot!(answer));
    assert_eq!(api.get(&ada, "/v1/me").await.status, 200);
}

#[tokio::test]
async fn what_signing_in_needs_is_named() {
    let api = Api::new();
    let body = json!({"name": ""});
    let answer = api.anonymous(Method::POST, "/v1/tokens", Some(body)).await;
    redacted(|| assert_snapshot!(answer));
}
