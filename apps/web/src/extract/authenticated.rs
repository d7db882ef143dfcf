//! Who is asking.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use domain::curators::CuratorId;
use tracing::Span;

use super::challenge;
use crate::App;
use crate::problem::{ApiError, ProblemKind};
use crate::rate::Rated;

/// The curator whose token came with the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authenticated(pub(crate) CuratorId);

impl FromRequestParts<App> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer_token(&parts.headers)?;
        let token =
            app.curators.authenticate(token).await?.ok_or_else(|| {
                refusal("the token is unknown or was revoked", challenge::INVALID)
            })?;
        let curator = token.curator;
        Span::current().record("curator.id", tracing::field::display(curator));
        let rated = parts.extensions.get::<Rated>().cloned();
        rated.unwrap_or_default().count(app, token.id).await?;
        Ok(Self(curator))
    }
}

pub(super) fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let malformed = || {
        let detail = "send one header of the form `Authorization: Bearer bw_…`";
        refusal(detail, challenge::NONE_GIVEN)
    };
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(malformed());
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(malformed)?;
    if scheme.eq_ignore_ascii_case("Bearer") {
        Ok(token.trim_matches(' '))
    } else {
        Err(malformed())
    }
}

pub(super) fn refusal(detail: &str, challenge: HeaderValue) -> ApiError {
    ApiError::new(ProblemKind::Unauthenticated, detail)
        .with_header(header::WWW_AUTHENTICATE, challenge)
}
