//! The web process. [`web::compose`] says what it is made of.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use process::exit;
use telemetry::ops::{OpsServer, readiness};
use telemetry::shutdown::Shutdown;
use telemetry::{listener, logs};
use tracing::info;
use web::compose::{Web, compose};
use web::settings::WebSettings;

/// Where the operator's endpoints are, unless told otherwise.
const OPS_ADDR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// How long the relay may take to finish the batch at hand once the API has stopped.
const RELAY_GRACE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let settings = WebSettings::parse();
    exit::run(run(settings))
}

async fn run(settings: WebSettings) -> anyhow::Result<()> {
    logs::init(&settings.logs)?;
    let shutdown = Shutdown::listen()?;
    let api = listener::bind(settings.http_addr, "the API").await?;
    let api_addr = listener::local_addr(&api)?;
    let ops = OpsServer::bind(settings.ops.addr_or(OPS_ADDR)).await?;
    let ops_addr = ops.local_addr();

    let Web {
        app,
        relay,
        recovery,
        upkeep,
        checks,
        metrics,
        database,
    } = compose(&settings).await?;
    let checks = Arc::new(checks);
    let _ops = ops.serve(Arc::clone(&checks), Arc::new(metrics), shutdown.token());
    let stop = shutdown.token();
    shutdown.spawn(async move { relay.run(stop).await });
    if let Some(recovery) = recovery {
        let stop = shutdown.token();
        shutdown.spawn(async move { recovery.run(stop).await });
    }
    let stop = shutdown.token();
    shutdown.spawn(async move { upkeep.run(stop).await });
    info!("The API is on http://{api_addr}; health and metrics on http://{ops_addr}");

    let grace = settings.shutdown.shutdown_timeout;
    // The platform asks on the port to which it would send requests.
    let router = readiness(checks, shutdown.token()).merge(web::router(app));
    let served = web::serve(api, router, shutdown.token(), grace).await;
    // The relay ends after the batch at hand; it needs no grace period of its own.
    shutdown.drain(RELAY_GRACE).await;
    database.close().await;
    served.context("the API has ended")?;
    Ok(())
}
