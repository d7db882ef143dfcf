//! `/v1/notifications`: what concerns the caller.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::UnixMillis;
use domain::notifications::{EntryId, EntryView, NotificationId, NotificationView};
use serde::{Deserialize, Serialize};

use super::cards::CardBody;
use super::curators::CuratorBody;
use crate::App;
use crate::extract::{Authenticated, Body, Id};
use crate::fields::Fields;
use crate::page::Paging;
use crate::problem::{ApiError, ProblemKind};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/notifications", get(list))
        .route("/v1/notifications/unread", get(unread))
        .route("/v1/notifications/read", post(mark_read))
        .route("/v1/notifications/{id}/entries", get(entries))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NotificationBody {
    id: NotificationId,
    kind: &'static str,
    /// Who caused the newest entry.
    actor: CuratorBody,
    /// How many other people caused entries.
    others: u64,
    /// How many entries there are.
    count: u64,
    /// The newest entry's.
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardBody>,
    /// The newest entry's.
    occurred_at: UnixMillis,
    /// The first entry's.
    since: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<UnixMillis>,
}

impl From<NotificationView> for NotificationBody {
    fn from(notification: NotificationView) -> Self {
        Self {
            id: notification.id,
            kind: notification.kind.as_str(),
            actor: notification.newest.actor.into(),
            others: notification.others,
            count: notification.count,
            card: notification.newest.card.map(CardBody::from),
            occurred_at: notification.newest.occurred_at,
            since: notification.since,
            read_at: notification.read_at,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryBody {
    id: EntryId,
    actor: CuratorBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardBody>,
    occurred_at: UnixMillis,
}

impl From<EntryView> for EntryBody {
    fn from(entry: EntryView) -> Self {
        Self {
            id: entry.id,
            actor: entry.actor.into(),
            card: entry.card.map(CardBody::from),
            occurred_at: entry.occurred_at,
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

async fn entries(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    Id(notification): Id<NotificationId>,
    paging: Paging,
) -> Result<Response, ApiError> {
    let entries = app
        .notifications
        .entries(curator, notification, paging.request);
    let page = entries.await?;
    // A notification has an entry at least.
    if page.rows.is_empty() && paging.request.after.is_none() {
        let detail = "there is no such notification of yours";
        return Err(ApiError::new(ProblemKind::UnknownNotification, detail));
    }
    Ok(paging.answer(page, EntryBody::from))
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
