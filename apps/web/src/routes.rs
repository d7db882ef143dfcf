//! The URL tree. Everything but registering and issuing a token needs a token.

mod admin;
mod analytics;
mod cards;
mod curators;
mod feeds;
mod follows;
mod notifications;
mod tokens;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::App;
use crate::problem::{ApiError, ProblemKind};

/// Every route, and those of operators if they have a token.
pub(crate) fn all(app: &App) -> Router<App> {
    let admin = if app.operators.is_some() {
        admin::routes()
    } else {
        Router::new()
    };
    admin
        .merge(analytics::routes())
        .merge(cards::routes())
        .merge(curators::routes())
        .merge(feeds::routes())
        .merge(follows::routes())
        .merge(notifications::routes())
        .merge(tokens::routes())
}

/// Answers a path that is no route.
pub(crate) async fn unknown() -> ApiError {
    ApiError::new(
        ProblemKind::UnknownRoute,
        "nothing is at this path; the API is below /v1",
    )
}

/// Answers a method that its route has not; axum adds `Allow`.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::new(
        ProblemKind::MethodNotAllowed,
        "the `Allow` header names the methods of this path",
    )
}

/// Answers that something was made, and where it is.
fn created(location: &str, body: impl Serialize) -> Response {
    let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
