//! What every request gets, whatever it asks for: a trace, an id, a span, a limit, a log line.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::event::{CorrelationId, Origin};
use telemetry::trace_context::TraceParent;
use tracing::field::Empty;
use tracing::{Instrument, Span, info, info_span, warn};

use crate::App;
use crate::head;
use crate::problem::{self, ApiError, ProblemKind, RETRY_AFTER};
use crate::rate::Rated;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of a request id that a client may choose.
const MAX_REQUEST_ID: usize = 128;

/// The route of a request that matched none.
const UNMATCHED: &str = "unmatched";

/// What ties a request to its log lines, its events and its trace.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    trace: TraceParent,
    correlation_id: CorrelationId,
    request_id: HeaderValue,
}

impl RequestContext {
    fn of(headers: &HeaderMap, app: &App) -> Self {
        let correlation_id = CorrelationId::generate(app.clock.now());
        Self {
            trace: continued(headers),
            correlation_id,
            request_id: chosen_id(headers).unwrap_or_else(|| id_of(correlation_id)),
        }
    }

    /// What the events of this request say led to them.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            correlation_id: self.correlation_id,
            causation_id: None,
            traceparent: Some(self.trace.to_string()),
        }
    }
}

/// Gives the request its context and its span, completes a problem document, and records how long
/// the answer took.
pub(crate) async fn observed(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let context = RequestContext::of(request.headers(), &app);
    let method = label_of(request.method());
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or_else(|| UNMATCHED.to_owned(), |path| path.as_str().to_owned());
    let path = request.uri().path().to_owned();
    let span = span_of(&context, method, &route, &path);
    request.extensions_mut().insert(context.clone());
    let rated = Rated::default();
    request.extensions_mut().insert(rated.clone());

    let answered = async {
        let response = next.run(request).await;
        problem::complete(response, &path, &context.trace.trace_id())
    };
    let mut response = answered.instrument(span.clone()).await;

    mark(&mut response, context);
    rated.tell(response.headers_mut());
    head::make_safe(response.headers_mut());
    let status = response.status().as_u16();
    let took = started.elapsed();
    app.metrics.answered(&route, method, status, took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.record("http.status", status);
    span.record("duration_ms", duration_ms);
    span.in_scope(|| info!("{method} {route} answered {status} in {duration_ms} ms"));
    response
}

/// Answers a request that takes too long.
pub(crate) async fn bounded(State(app): State<App>, request: Request, next: Next) -> Response {
    let limit = app.limits.request_time;
    let Ok(response) = tokio::time::timeout(limit, next.run(request)).await else {
        warn!("A request was given up after {limit:?}");
        let detail = format!("there was no answer within {limit:?}; try again later");
        return ApiError::new(ProblemKind::TimedOut, detail)
            .with_header(header::RETRY_AFTER, RETRY_AFTER)
            .into_response();
    };
    response
}

/// Answers a request whose handler panicked. The panic itself was logged when it happened.
pub(crate) fn panicked(_thrown: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::broken().into_response()
}

fn span_of(context: &RequestContext, method: &str, route: &str, path: &str) -> Span {
    info_span!(
        "http.request",
        http.method = method,
        http.route = route,
        http.path = path,
        http.status = Empty,
        duration_ms = Empty,
        curator.id = Empty,
        correlation.id = %context.correlation_id,
        request.id = context.request_id.to_str().ok(),
        trace.id = context.trace.trace_id(),
    )
}

fn mark(response: &mut Response, context: RequestContext) {
    let headers = response.headers_mut();
    if let Ok(trace) = HeaderValue::try_from(context.trace.to_string()) {
        headers.insert(TRACEPARENT, trace);
    }
    headers.insert(X_REQUEST_ID, context.request_id);
}

/// A span of the caller's trace, or of a new one where the caller has none or a broken one.
fn continued(headers: &HeaderMap) -> TraceParent {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return TraceParent::generate();
    };
    let parent = value.to_str().ok().and_then(|text| text.parse().ok());
    parent.map_or_else(TraceParent::generate, TraceParent::child)
}

fn chosen_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(X_REQUEST_ID)?;
    let is_sane =
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    is_sane.then(|| id.clone())
}

/// A request without an id of its own goes by its correlation id, so that one text finds it in the
/// logs and in the events.
fn id_of(correlation_id: CorrelationId) -> HeaderValue {
    HeaderValue::try_from(correlation_id.to_string())
        .unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// The method as a label: clients can send any word, and a label must have few values.
fn label_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
