//! The operator's endpoints, on a port of their own: is it alive, is it ready, what does it measure.

mod checks;
mod readiness;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::error;

use crate::listener;
use crate::metrics::Metrics;

pub use checks::Checks;
pub use readiness::readiness;

/// The media type of what `/metrics` answers.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the operator's endpoints are.
#[derive(Debug, Clone, clap::Args)]
pub struct OpsSettings {
    /// Where /healthz, /readyz and /metrics listen
    #[arg(long, env = "OPS_ADDR", value_name = "ADDR")]
    pub ops_addr: Option<SocketAddr>,
}

/// The operator's endpoints, with their port taken but nothing answered yet.
#[derive(Debug)]
pub struct OpsServer {
    listener: TcpListener,
    addr: SocketAddr,
}

/// The operator's endpoints at work. They answer until this is dropped.
#[derive(Debug)]
#[must_use = "the endpoints answer until this is dropped"]
pub struct OpsHandle {
    _task: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Ops {
    checks: Arc<Checks>,
    metrics: Arc<Metrics>,
}

impl OpsSettings {
    /// Where to listen, in a process whose default is `default`.
    pub fn addr_or(&self, default: SocketAddr) -> SocketAddr {
        self.ops_addr.unwrap_or(default)
    }
}

impl OpsServer {
    /// Takes the port; the error is a sentence for whoever starts the process.
    pub async fn bind(addr: SocketAddr) -> anyhow::Result<Self> {
        let listener = listener::bind(addr, "the operator's endpoints").await?;
        let addr = listener::local_addr(&listener)?;
        Ok(Self { listener, addr })
    }

    /// Where it listens, which tells the port when it was left to the system.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Starts to answer. Once `stop` is cancelled the process is not ready any more, but goes on
    /// answering, so that a drain can be watched to its end.
    pub fn serve(
        self,
        checks: impl Into<Arc<Checks>>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> OpsHandle {
        let checks = checks.into();
        let ops = Ops {
            checks: Arc::clone(&checks),
            metrics,
        };
        let router = Router::new()
            .route("/healthz", get(health))
            .route("/metrics", get(metrics_text))
            .with_state(ops)
            .merge(readiness(checks, stop));
        let serve = async move {
            if let Err(error) = axum::serve(self.listener, router).await {
                error!(error = %error, "The operator's endpoints have ended");
            }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it answers during the drain, so the drain must not wait for it"
        )]
        let task = AbortOnDropHandle::new(tokio::spawn(serve));
        OpsHandle { _task: task }
    }
}

async fn health(State(ops): State<Ops>) -> Response {
    match ops.checks.alive() {
        Ok(()) => "ok\n".into_response(),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons).into_response(),
    }
}

async fn metrics_text(State(ops): State<Ops>) -> Response {
    match ops.metrics.scrape().await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            error!(error = %error, "Metrics can't be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
