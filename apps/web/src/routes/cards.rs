//! `/v1/cards`: the caller's library, and single cards.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::UnixMillis;
use domain::cards::{Card, CardContent, CardId, CardTitle, Link, Note};
use domain::curators::CuratorId;
use serde::{Deserialize, Serialize};

use super::created;
use crate::App;
use crate::extract::{Authenticated, Body, Id, RequestOrigin};
use crate::fields::Fields;
use crate::page::Paging;
use crate::problem::ApiError;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/cards", post(save).get(library))
        .route("/v1/cards/{id}", get(show).delete(remove))
}

/// A card as the API shows one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CardBody {
    id: CardId,
    curator_id: CuratorId,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<CardTitle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Note>,
    saved_at: UnixMillis,
}

impl From<Card> for CardBody {
    fn from(card: Card) -> Self {
        let (url, title, note) = match card.content {
            CardContent::Url { link, title, note } => (Some(link), title, note),
            CardContent::Note(note) => (None, None, Some(note)),
        };
        Self {
            id: card.id,
            curator_id: card.curator,
            url,
            title,
            note,
            saved_at: card.saved_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewCard {
    url: Option<String>,
    title: Option<String>,
    note: Option<String>,
}

impl NewCard {
    fn into_content(self) -> Result<CardContent, ApiError> {
        let mut fields = Fields::default();
        let has_url = self.url.is_some();
        let has_note = self.note.is_some();
        let link = fields.optional("/url", self.url, |raw| Link::parse(&raw));
        let title = fields.optional("/title", self.title, |raw| {
            if has_url {
                CardTitle::parse(&raw).map_err(|error| error.to_string())
            } else {
                Err("is only for a card with a url".to_owned())
            }
        });
        let note = fields.optional("/note", self.note, |raw| Note::parse(&raw));
        if !has_url && !has_note {
            fields.refuse::<()>("/url", "is required, unless there is a note");
        }
        let content = match (link, title, note) {
            (Some(Some(link)), Some(title), Some(note)) => CardContent::Url { link, title, note },
            (Some(None), Some(_), Some(Some(note))) => CardContent::Note(note),
            _ => return Err(fields.into_error()),
        };
        Ok(content)
    }
}

async fn save(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    RequestOrigin(origin): RequestOrigin,
    Body(body): Body<NewCard>,
) -> Result<Response, ApiError> {
    let content = body.into_content()?;
    let card = app.cards.save(curator, content, origin).await?;
    let location = format!("/v1/cards/{}", card.id);
    Ok(created(&location, CardBody::from(card)))
}

async fn library(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    paging: Paging,
) -> Result<Response, ApiError> {
    let page = app.cards.library(curator, paging.request).await?;
    Ok(paging.answer(page, CardBody::from))
}

async fn show(
    State(app): State<App>,
    _: Authenticated,
    Id(card): Id<CardId>,
) -> Result<Json<CardBody>, ApiError> {
    let card = app.cards.find(card).await?;
    Ok(Json(card.into()))
}

async fn remove(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    Id(card): Id<CardId>,
    RequestOrigin(origin): RequestOrigin,
) -> Result<StatusCode, ApiError> {
    app.cards.remove(curator, card, origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
