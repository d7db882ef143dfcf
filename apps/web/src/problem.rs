//! Problem documents (RFC 9457): what every error of the API looks like.
//!
//! [`ApiError`] is the one error of the API. It has a message for the caller and, apart from it, the
//! cause for the log. As a response it is still incomplete: `complete` adds what only the request
//! knows (the path, the trace), writes the body and logs the cause, once.

mod from;
mod kind;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::store::BoxError;
use serde::Serialize;
use tracing::error;

pub(crate) use from::RETRY_AFTER;
pub use kind::ProblemKind;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error as the caller sees it, and its cause as the log does.
#[derive(Debug)]
pub struct ApiError {
    kind: ProblemKind,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<BoxError>,
}

/// What is wrong with one part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    #[serde(flatten)]
    place: Place,
    detail: String,
}

/// A part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// A JSON Pointer into the body.
    Pointer(String),
    /// The name of a parameter in the path or the query.
    Parameter(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    #[serde(rename = "type")]
    type_uri: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    trace_id: &'a str,
}

impl ApiError {
    /// A problem of this kind; `detail` is for the caller.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// Something is broken here, and was logged already.
    pub fn broken() -> Self {
        Self::new(
            ProblemKind::Internal,
            "something went wrong here; the trace id helps to find out what",
        )
    }

    /// Something is broken here; the cause is logged and not shown.
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::broken().caused_by(cause)
    }

    /// Adds what is wrong with parts of the request.
    #[must_use]
    pub fn with_errors(mut self, errors: impl IntoIterator<Item = FieldError>) -> Self {
        self.errors.extend(errors);
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds the cause, which is logged and not shown.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<BoxError>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    fn body(&self, instance: &str, trace_id: &str) -> Body {
        let problem = Problem {
            type_uri: self.kind.type_uri(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            instance,
            code: self.kind.code(),
            errors: &self.errors,
            trace_id,
        };
        // Texts and numbers always have a JSON form; the status says enough if they had none.
        serde_json::to_vec(&problem).map_or_else(|_| Body::empty(), Body::from)
    }

    fn log(&self) {
        if let Some(cause) = &self.cause {
            let code = self.kind.code();
            error!(problem.code = code, error = %chain(cause.as_ref()), "Answered `{code}`");
        }
    }
}

impl FieldError {
    /// Something is wrong with the field at this JSON Pointer.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Pointer(pointer.into()),
            detail: detail.into(),
        }
    }

    /// Something is wrong with this parameter.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Parameter(name.into()),
            detail: detail.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Writes the body of a response that an [`ApiError`] became; others stay as they are.
pub(crate) fn complete(mut response: Response, instance: &str, trace_id: &str) -> Response {
    let Some(error) = response.extensions_mut().remove::<Arc<ApiError>>() else {
        return response;
    };
    error.log();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    // The empty body had one, too.
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = error.body(instance, trace_id);
    response
}

/// An error and everything behind it, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    sources
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
