//! `/v1/follows`: whom the caller follows.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use domain::curators::CuratorId;

use super::curators::CuratorBody;
use crate::App;
use crate::extract::{Authenticated, Id, RequestOrigin};
use crate::page::List;
use crate::problem::ApiError;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/follows", get(list))
        .route("/v1/follows/{curatorId}", put(follow).delete(unfollow))
}

async fn list(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
) -> Result<Json<List<CuratorBody>>, ApiError> {
    let followees = app.curators.followees(curator).await?;
    Ok(Json(List::whole(
        followees.into_iter().map(CuratorBody::from),
    )))
}

async fn follow(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    Id(followee): Id<CuratorId>,
    RequestOrigin(origin): RequestOrigin,
) -> Result<StatusCode, ApiError> {
    app.curators.follow(curator, followee, origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unfollow(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    Id(followee): Id<CuratorId>,
    RequestOrigin(origin): RequestOrigin,
) -> Result<StatusCode, ApiError> {
    app.curators.unfollow(curator, followee, origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
