//! Lists and their pages: what is asked for, and how it is answered.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::{Page, PageLimit, PageRequest};
use serde::Serialize;

use crate::App;
use crate::cursor;
use crate::extract::Query;
use crate::problem::ApiError;

/// A list as it is shown. `next` is the cursor of the page that follows, if one does.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<T> List<T> {
    /// A list that has no pages.
    pub(crate) fn whole(items: impl IntoIterator<Item = T>) -> Self {
        Self {
            items: items.into_iter().collect(),
            next: None,
        }
    }
}

/// The page that a request asks for with `cursor` and `limit`.
#[derive(Debug)]
pub(crate) struct Paging {
    /// What to ask the use case for.
    pub(crate) request: PageRequest,
    path: String,
}

impl FromRequestParts<App> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let mut query = Query::of(parts);
        let after = query.optional("cursor", |text| {
            cursor::decode(text).ok_or("is not a cursor that this API gave out")
        });
        let limit = query.optional("limit", |text| {
            let rows = text
                .parse()
                .map_err(|_| "must be a whole number".to_owned())?;
            PageLimit::try_new(rows).map_err(|error| error.to_string())
        });
        query.finish()?;
        let request = PageRequest {
            after,
            limit: limit.unwrap_or_default(),
        };
        Ok(Self {
            request,
            path: parts.uri.path().to_owned(),
        })
    }
}

impl Paging {
    /// The answer: the rows as they are shown, with the way to the next page in the body and in a
    /// `Link` header.
    pub(crate) fn answer<R, T: Serialize>(&self, page: Page<R>, show: impl Fn(R) -> T) -> Response {
        let next = page.next.map(cursor::encode);
        let link = next.as_deref().and_then(|cursor| self.link_to(cursor));
        let items = page.rows.into_iter().map(show).collect();
        let mut response = Json(List { items, next }).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    fn link_to(&self, cursor: &str) -> Option<HeaderValue> {
        let Self { request, path } = self;
        let limit = request.limit.rows();
        let link = format!("<{path}?cursor={cursor}&limit={limit}>; rel=\"next\"");
        HeaderValue::try_from(link).ok()
    }
}
