//! `/v1/admin`: what operators do. There only if they have a token.

use application::jobs::{CancelJob, Cancelled};
use application::queues::QueueName;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::extract::{Body, Operator};
use crate::problem::{ApiError, FieldError, ProblemKind};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/v1/admin/queues/{queue}/jobs/{id}/cancel", post(cancel))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wish {
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    queue: String,
    id: String,
    outcome: &'static str,
}

async fn cancel(
    State(app): State<App>,
    _: Operator,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    body: Option<Body<Wish>>,
) -> Result<(StatusCode, Json<Answer>), ApiError> {
    let Path((queue, id)) = path.map_err(|_| unreadable())?;
    let wish = body.map(|Body(wish)| wish).unwrap_or_default();
    let jobs = jobs(&app)?;
    let known = QueueName::ALL
        .into_iter()
        .find(|name| name.as_str() == queue);
    let known = known.ok_or_else(|| {
        let detail = format!("there is no queue {queue}");
        ApiError::new(ProblemKind::UnknownQueue, detail)
    })?;
    let cancelled = jobs.cancel(known, &id, wish.reason.as_deref()).await?;
    let (status, outcome) = match cancelled {
        Cancelled::AtOnce => (StatusCode::OK, "cancelled"),
        Cancelled::Asked => (StatusCode::ACCEPTED, "asked"),
    };
    Ok((status, Json(Answer { queue, id, outcome })))
}

fn jobs(app: &App) -> Result<&CancelJob, ApiError> {
    app.jobs.as_ref().ok_or_else(|| {
        let detail = "this process acts on events itself: there are no queues";
        ApiError::new(ProblemKind::UnknownQueue, detail)
    })
}

fn unreadable() -> ApiError {
    ApiError::new(
        ProblemKind::InvalidParameter,
        "a parameter of the path is not valid",
    )
    .with_errors([FieldError::parameter("id", "is not UTF-8")])
}
