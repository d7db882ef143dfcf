//! The head of a request, and of its answer.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::problem::{ApiError, ProblemKind};

/// What every answer says to browsers: it is data, for this request alone.
const SAFE: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Refuses a request whose head is too large.
pub(crate) async fn limited(State(app): State<App>, request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query();
    let target = target.map_or(0, |target| target.as_str().len());
    if target > app.limits.target_bytes {
        let most = app.limits.target_bytes;
        let detail = format!("the path and the query must have at most {most} bytes");
        return ApiError::new(ProblemKind::TargetTooLong, detail).into_response();
    }
    if size(request.headers()) > app.limits.header_bytes {
        let most = app.limits.header_bytes;
        let detail = format!("the header fields must have at most {most} bytes");
        return ApiError::new(ProblemKind::HeadersTooLarge, detail).into_response();
    }
    next.run(request).await
}

/// Adds what every answer says, unless its handler has said otherwise.
pub(crate) fn make_safe(headers: &mut HeaderMap) {
    for (name, value) in SAFE {
        headers.entry(name).or_insert(value);
    }
}

fn size(headers: &HeaderMap) -> usize {
    let fields = headers.iter();
    fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}
