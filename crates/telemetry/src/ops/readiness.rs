//! `/readyz`: whether to send work here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Checks;

/// A router with `/readyz` alone: for the operator's port, and for a public port whose platform
/// asks there before it sends requests. Once `stop` is cancelled the answer is no.
pub fn readiness(checks: Arc<Checks>, stop: CancellationToken) -> Router {
    Router::new()
        .route("/readyz", get(answer))
        .with_state(Asked { checks, stop })
}

#[derive(Clone)]
struct Asked {
    checks: Arc<Checks>,
    stop: CancellationToken,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: BTreeMap<String, String>,
}

async fn answer(State(asked): State<Asked>) -> (StatusCode, Json<Readiness>) {
    if asked.stop.is_cancelled() {
        let draining = Readiness {
            status: "draining",
            checks: BTreeMap::new(),
        };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(draining));
    }
    let (is_ready, answers) = asked.checks.ready_now().await;
    let is_whole = answers.values().all(Result::is_ok);
    let (code, status) = match (is_ready, is_whole) {
        (true, true) => (StatusCode::OK, "ready"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not-ready"),
    };
    let in_words = |answer: Result<(), String>| answer.map_or_else(|why| why, |()| "ok".to_owned());
    let checks = answers
        .into_iter()
        .map(|(name, answer)| (name, in_words(answer)))
        .collect();
    (code, Json(Readiness { status, checks }))
}
