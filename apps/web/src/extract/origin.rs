//! What the events of a request say led to them.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::event::Origin;

use crate::App;
use crate::problem::ApiError;
use crate::request::RequestContext;

/// The origin of the events that a request raises.
#[derive(Debug, Clone)]
pub(crate) struct RequestOrigin(pub(crate) Origin);

impl FromRequestParts<App> for RequestOrigin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let context = parts
            .extensions
            .get::<RequestContext>()
            .ok_or_else(|| ApiError::internal("the request was not observed"))?;
        Ok(Self(context.origin()))
    }
}
