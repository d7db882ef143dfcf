//! The web process's API: Bellwether over HTTP and JSON.
//!
//! The files mirror the URL tree: `routes/cards.rs` holds everything below `/v1/cards`. A handler
//! reads its request with the extractors of `extract`, calls one use case of `application`, and
//! shows what came of it; whatever goes wrong becomes a [`problem::ApiError`] and leaves as a
//! problem document.

pub mod compose;
mod cursor;
mod extract;
mod fields;
mod head;
mod page;
mod passwords;
pub mod problem;
mod rate;
mod request;
mod routes;
mod serve;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use application::analytics::Analytics;
use application::cards::Cards;
use application::curators::Curators;
use application::feeds::Feeds;
use application::jobs::CancelJob;
use application::notifications::Notifications;
use application::operators::AdminToken;
use application::rates::{RateLimit, Rates};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use domain::Clock;
use telemetry::metrics::HttpMetrics;
use tower_http::catch_panic::CatchPanicLayer;

pub use passwords::Argon2Passwords;
pub use serve::serve;

/// What the API offers, and the bounds it keeps.
#[derive(Clone)]
pub struct App {
    /// Accounts, tokens and follows.
    pub curators: Curators,
    /// Libraries.
    pub cards: Cards,
    /// Feeds.
    pub feeds: Feeds,
    /// Notifications.
    pub notifications: Notifications,
    /// Counts.
    pub analytics: Analytics,
    /// Jobs that can be cancelled; absent if there are no queues.
    pub jobs: Option<CancelJob>,
    /// Who may do what is for operators; nobody, and there is nothing of the kind, if absent.
    pub operators: Option<AdminToken>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// How long requests take.
    pub metrics: HttpMetrics,
    /// What a request may use.
    pub limits: Limits,
    /// What counts the requests of each token.
    pub rates: Rates,
}

/// What a request may use before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a body.
    pub body_bytes: usize,
    /// How long a client may take to send a body.
    pub body_time: Duration,
    /// How long a request may take in all, its body included.
    pub request_time: Duration,
    /// The most bytes of the path and the query.
    pub target_bytes: usize,
    /// The most bytes of all header fields, names and values.
    pub header_bytes: usize,
    /// The most requests with one token; any number if absent.
    pub requests: Option<RateLimit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            body_time: Duration::from_secs(5),
            request_time: Duration::from_secs(10),
            target_bytes: 8 * 1024,
            header_bytes: 16 * 1024,
            requests: None,
        }
    }
}

/// The whole API.
pub fn router(app: App) -> Router {
    routes::all(&app)
        .fallback(routes::unknown)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .layer(DefaultBodyLimit::max(app.limits.body_bytes))
        .layer(from_fn_with_state(app.clone(), head::limited))
        .layer(from_fn_with_state(app.clone(), request::bounded))
        .layer(CatchPanicLayer::custom(request::panicked))
        // The outermost, because it completes the problem documents of all the others.
        .layer(from_fn_with_state(app.clone(), request::observed))
        .with_state(app)
}
