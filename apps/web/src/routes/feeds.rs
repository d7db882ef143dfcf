//! `/v1/feeds`: what others have saved.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use domain::feeds::FeedItem;
use serde::Serialize;

use super::cards::CardBody;
use super::curators::CuratorBody;
use crate::App;
use crate::extract::Authenticated;
use crate::page::Paging;
use crate::problem::ApiError;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/v1/feeds/home", get(home))
}

#[derive(Debug, Serialize)]
struct FeedItemBody {
    card: CardBody,
    author: CuratorBody,
}

impl From<FeedItem> for FeedItemBody {
    fn from(item: FeedItem) -> Self {
        Self {
            card: item.card.into(),
            author: item.author.into(),
        }
    }
}

async fn home(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    paging: Paging,
) -> Result<Response, ApiError> {
    let page = app.feeds.home(curator, paging.request).await?;
    Ok(paging.answer(page, FeedItemBody::from))
}
