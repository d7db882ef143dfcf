//! How often something may be done, and what those get who do it more often.

use std::num::NonZeroU32;
use std::time::Duration;

use application::rates::RateLimit;
use axum::http::Method;
use serde_json::json;
use web::Limits;

use crate::support::{Answer, Api, PASSWORD};

fn limit(max: u32, window: Duration) -> RateLimit {
    RateLimit {
        max: NonZeroU32::new(max).unwrap(),
        window,
    }
}

fn limited(max: u32) -> Api {
    Api::with_limits(Limits {
        requests: Some(limit(max, Duration::from_secs(60))),
        ..Limits::default()
    })
}

#[tokio::test]
async fn a_token_that_is_used_too_often_waits_and_the_others_do_not() {
    let api = limited(2);
    let (ada, bob) = (api.curator("ada").await, api.curator("bob").await);
    let first = api.get(&ada, "/v1/me").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), "\"token\";q=2;w=60");
    assert_eq!(first.header("ratelimit"), "\"token\";r=1;t=60");
    // What is refused for another reason counts as well.
    assert_eq!(api.get(&ada, "/v1/cards/7").await.status, 400);

    api.clock.advance(Duration::from_millis(500));
    let refused = api.get(&ada, "/v1/me").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (429, "too-many-requests".to_owned())
    );
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(refused.header("ratelimit"), "\"token\";r=0;t=60");
    assert_eq!(api.get(&bob, "/v1/me").await.status, 200);

    api.clock.advance(Duration::from_millis(59_500));
    assert_eq!(api.get(&ada, "/v1/me").await.status, 200);
}

#[tokio::test]
async fn what_is_refused_has_no_effect() {
    let api = limited(1);
    let ada = api.curator("ada").await;
    api.get(&ada, "/v1/me").await;
    let raised = api.events().len();
    let refused = api
        .post(&ada, "/v1/cards", json!({"note": "A thought"}))
        .await;
    assert_eq!(refused.status, 429);
    assert_eq!(api.events().len(), raised);
}

#[tokio::test]
async fn a_request_without_a_token_is_not_counted() {
    let api = limited(1);
    for _ in 0..3 {
        let answer = api.anonymous(Method::GET, "/v1/me", None).await;
        assert_eq!(answer.status, 401);
        assert!(!answer.headers.contains_key("ratelimit"));
    }
}

#[tokio::test]
async fn guessing_a_password_is_429_after_some_attempts() {
    let api = Api::limiting_sign_ins(limit(2, Duration::from_secs(900)));
    let ada = api.curator("ada").await;
    let sign_in = async |password: &str| -> Answer {
        let body = json!({"handle": "ada", "password": password});
        api.anonymous(Method::POST, "/v1/tokens", Some(body)).await
    };
    assert_eq!(sign_in("wrong horse").await.status, 401);
    assert_eq!(sign_in("wrong house").await.status, 401);
    let refused = sign_in(PASSWORD).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (429, "too-many-attempts".to_owned())
    );
    assert_eq!(refused.header("retry-after"), "900");
    assert_eq!(
        api.get(&ada, "/v1/me").await.status,
        200,
        "her tokens go on working"
    );
    api.clock.advance(Duration::from_secs(900));
    assert_eq!(sign_in(PASSWORD).await.status, 201);
}
