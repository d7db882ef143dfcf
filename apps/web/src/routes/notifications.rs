//! `/v1/notifications`: what concerns the caller.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::UnixMillis;
use domain::notifications::{NotificationId, NotificationView};
use serde::{Deserialize, Serialize};

use super::cards::CardBody;
use super::curators::CuratorBody;
use crate::App;
use crate::extract::{Authenticated, Body};
use crate::fields::Fields;
use crate::page::Paging;
use crate::problem::ApiError;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/notifications", get(list))
        .route("/v1/notifications/unread", get(unread))
        .route("/v1/notifications/read", post(mark_read))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NotificationBody {
    id: NotificationId,
    kind: &'static str,
    actor: CuratorBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardBody>,
    occurred_at: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<UnixMillis>,
}

impl From<NotificationView> for NotificationBody {
    fn from(notification: NotificationView) -> Self {
        Self {
            id: notification.id,
            kind: notification.kind.as_str(),
            actor: notification.actor.into(),
            card: notification.card.map(CardBody::from),
            occurred_at: notification.occurred_at,
            read_at: notification.read_at,
        }
    }
}

#[derive(Debug, Serialize)]
struct UnreadBody {
    unread: u64,
}

/// Which to mark: these, or all up to and including a time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToMark {
    ids: Option<Vec<NotificationId>>,
    before: Option<UnixMillis>,
}

#[derive(Debug, Serialize)]
struct MarkedBody {
    marked: u64,
}

async fn list(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    paging: Paging,
) -> Result<Response, ApiError> {
    let page = app.notifications.list(curator, paging.request).await?;
    Ok(paging.answer(page, NotificationBody::from))
}

async fn unread(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
) -> Result<Json<UnreadBody>, ApiError> {
    let unread = app.notifications.unread(curator).await?;
    Ok(Json(UnreadBody { unread }))
}

async fn mark_read(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    Body(body): Body<ToMark>,
) -> Result<Json<MarkedBody>, ApiError> {
    let marked = match (body.ids, body.before) {
        (Some(ids), None) => app.notifications.mark_read(curator, &ids).await?,
        (None, Some(before)) => app.notifications.mark_read_before(curator, before).await?,
        (Some(_), Some(_)) | (None, None) => {
            let mut fields = Fields::default();
            fields.refuse::<()>("", "must have either `ids` or `before`");
            return Err(fields.into_error());
        }
    };
    Ok(Json(MarkedBody { marked }))
}
