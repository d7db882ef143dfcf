//! The id in a path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::App;
use crate::problem::{ApiError, FieldError, ProblemKind};

/// The id in a path that has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr> FromRequestParts<App> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(|error| refusal("path", &error.to_string()))?;
        let (name, value) = params
            .iter()
            .next()
            .ok_or_else(|| ApiError::internal("the route has no parameter for an id"))?;
        let id = value.parse().map_err(|_| {
            refusal(
                name,
                "is not a UUID such as 019ab30c-2a00-7000-8000-000000000000",
            )
        })?;
        Ok(Self(id))
    }
}

fn refusal(name: &str, detail: &str) -> ApiError {
    ApiError::new(
        ProblemKind::InvalidParameter,
        "a parameter of the path is not valid",
    )
    .with_errors([FieldError::parameter(name, detail)])
}
