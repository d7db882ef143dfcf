//! `/v1/admin`: what operators do.

use std::sync::Arc;

use application::jobs::{CancelError, Cancelled, Jobs, Place};
use application::queues::QueueName;
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request, header};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Answer, Api, redacted, request};

const TOKEN: &str = "operators-0123456789-abcdefghijk";

/// Jobs whose ids say what becomes of them.
struct ById;

#[async_trait]
impl Jobs for ById {
    async fn place(
        &self,
        queue: QueueName,
        id: &str,
        _reason: Option<&str>,
    ) -> Result<Place, CancelError> {
        match id {
            "done" => Ok(Place::Finished),
            "unknown" => Err(CancelError::Unknown {
                queue,
                id: id.to_owned(),
            }),
            "away" => Err(CancelError::Unavailable("the secret cause".into())),
            _ => Ok(Place::Active),
        }
    }

    async fn cancel(
        &self,
        queue: QueueName,
        id: &str,
        reason: Option<&str>,
    ) -> Result<Cancelled, CancelError> {
        assert_eq!(queue, QueueName::Feeds);
        assert_eq!(reason.is_some(), id == "reasoned");
        match id {
            "waiting" => Ok(Cancelled::AtOnce),
            "scheduled" => Err(CancelError::Refused("a scheduler waits for it".to_owned())),
            _ => Ok(Cancelled::Asked),
        }
    }
}

fn api() -> Api {
    Api::with_operators(TOKEN, Some(Arc::new(ById)))
}

fn path(queue: &str, id: &str) -> String {
    format!("/v1/admin/queues/{queue}/jobs/{id}/cancel")
}

async fn cancel(api: &Api, token: Option<&str>, path: &str, body: Option<Value>) -> Answer {
    api.send(request(Method::POST, path, token, body)).await
}

/// Cancels a job of the feeds as an operator.
async fn cancelled(id: &str, body: Option<Value>) -> Answer {
    cancel(&api(), Some(TOKEN), &path("feeds", id), body).await
}

#[tokio::test]
async fn a_job_is_cancelled_at_once_or_its_worker_is_asked() {
    let at_once = cancelled("waiting", None).await;
    assert_eq!(at_once.status, 200, "{at_once}");
    let expected = json!({"queue": "feeds", "id": "waiting", "outcome": "cancelled"});
    assert_eq!(at_once.json(), expected);
    let asked = cancelled("reasoned", Some(json!({"reason": "sent by mistake"}))).await;
    assert_eq!(asked.status, 202, "{asked}");
    assert_eq!(asked.text_at("/outcome"), "asked");
    for body in [json!({}), json!({"reason": null})] {
        assert_eq!(cancelled("plain", Some(body)).await.status, 202);
    }
}

#[tokio::test]
async fn what_can_not_be_cancelled_is_told() {
    for (id, status, code) in [
        ("unknown", 404, "unknown-job"),
        ("done", 409, "already-finished"),
        ("scheduled", 409, "conflict"),
    ] {
        let answer = cancelled(id, None).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code));
    }
    let nowhere = cancel(&api(), Some(TOKEN), &path("letters", "1"), None).await;
    assert_eq!(nowhere.code(), "unknown-queue");
    redacted(|| assert_snapshot!(nowhere));
}

#[tokio::test]
async fn while_the_queues_do_not_answer_it_is_503_without_the_cause() {
    let answer = cancelled("away", None).await;
    assert_eq!(answer.status, 503);
    redacted(|| assert_snapshot!(answer));
}

#[tokio::test]
async fn a_body_is_optional_and_checked() {
    let long = cancelled("plain", Some(json!({"reason": "a".repeat(1001)}))).await;
    assert_eq!(long.code(), "invalid-body");
    assert_eq!(long.text_at("/errors/0/pointer"), "/reason");
    let odd = cancelled("plain", Some(json!({"why": "because"}))).await;
    assert_eq!(odd.code(), "invalid-body");
    let text = Request::post(path("feeds", "plain"))
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Body::from("because"));
    let text = api().send(text.unwrap()).await;
    assert_eq!(text.code(), "unsupported-media-type");
}

#[tokio::test]
async fn operators_alone_are_let_in() {
    let api = api();
    let curator = api.curator("ada").await;
    let path = path("feeds", "waiting");
    for token in [None, Some("wrong"), Some(&*curator.token)] {
        let answer = cancel(&api, token, &path, None).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.code()),
            (401, "unauthenticated")
        );
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    // And their token opens nothing else.
    let cards = api.send(request(Method::GET, "/v1/tokens", Some(TOKEN), None));
    assert_eq!(cards.await.status, 401);
}

#[tokio::test]
async fn without_a_token_for_operators_there_is_no_such_route() {
    let api = Api::new();
    let curator = api.curator("ada").await;
    for token in [None, Some(TOKEN), Some(&*curator.token)] {
        for method in [Method::POST, Method::GET] {
            let request = request(method, &path("feeds", "waiting"), token, None);
            let answer = api.send(request).await;
            assert_eq!(answer.code(), "unknown-route", "{answer}");
        }
    }
}

#[tokio::test]
async fn a_process_without_queues_says_so() {
    let api = Api::with_operators(TOKEN, None);
    let answer = cancel(&api, Some(TOKEN), &path("feeds", "waiting"), None).await;
    assert_eq!(answer.status, 404);
    let detail = answer.text_at("/detail");
    assert!(detail.contains("there are no queues"), "{detail}");
}
