//! How many requests a token may make, and how its owner learns of it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use application::rates::{Counted, Use};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use domain::curators::TokenId;

use crate::App;
use crate::problem::{ApiError, ProblemKind};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The use that a request was counted as: a place that its extractor fills, and that is read when
/// the request has been answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rated(Arc<OnceLock<Use>>);

impl Rated {
    /// Counts a request with this token, and refuses it if there were too many.
    pub(crate) async fn count(&self, app: &App, token: TokenId) -> Result<(), ApiError> {
        let Some(limit) = app.limits.requests else {
            return Ok(());
        };
        let used = app.rates.take(&Counted::Requests(token), limit).await;
        // A request has one token, and is counted once.
        let _ = self.0.set(used);
        if used.is_allowed() {
            return Ok(());
        }
        let (most, window) = (limit.max, limit.window);
        let detail = format!("a token may make {most} requests in {window:?}");
        Err(ApiError::new(ProblemKind::TooManyRequests, detail)
            .with_header(header::RETRY_AFTER, seconds(used.ends_in())))
    }

    /// Says what is left, in the words of the IETF's draft on rate limit fields.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Some(used) = self.0.get() else { return };
        let (most, window) = (used.limit().max, used.limit().window.as_secs().max(1));
        let (left, reset) = (used.remaining(), whole_seconds(used.ends_in()));
        let fields = [
            (RATE_LIMIT_POLICY, format!("\"token\";q={most};w={window}")),
            (RATE_LIMIT, format!("\"token\";r={left};t={reset}")),
        ];
        for (name, text) in fields {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

/// A time to wait, for `Retry-After`: rounded up, so that it is over by then.
pub(crate) fn seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(whole_seconds(wait).max(1))
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
