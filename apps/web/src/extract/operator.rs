//! Whether an operator is asking.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::authenticated::{bearer_token, refusal};
use super::challenge;
use crate::App;
use crate::problem::ApiError;

/// The operator's token came with the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator;

impl FromRequestParts<App> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer_token(&parts.headers)?;
        if app
            .operators
            .as_ref()
            .is_some_and(|known| known.admits(token))
        {
            return Ok(Self);
        }
        let detail = "this takes the token of operators";
        Err(refusal(detail, challenge::INVALID))
    }
}
