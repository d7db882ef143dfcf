//! What `WWW-Authenticate` says, after RFC 6750.

use axum::http::HeaderValue;

/// No token was given.
pub(crate) const NONE_GIVEN: HeaderValue = HeaderValue::from_static("Bearer realm=\"bellwether\"");

/// The token that was given is of no use.
pub(crate) const INVALID: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"bellwether\", error=\"invalid_token\"");
