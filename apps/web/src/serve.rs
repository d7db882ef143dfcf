//! Serving the API on a port, and letting go of it.

use std::future::IntoFuture;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Answers requests until `stop` is cancelled, then takes no new ones and lets those under way
/// finish for at most `grace`. Whether they all did.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    grace: Duration,
) -> io::Result<bool> {
    let listener = listener.tap_io(|connection| {
        // Answers are small and written whole: waiting to fill a packet only delays them.
        if let Err(error) = connection.set_nodelay(true) {
            debug!("A connection can't be told to send at once: {error}");
        }
    });
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    // The server waits for every open connection, and a client may keep one open for ever.
    let grace_is_over = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = server => {
            ended?;
            info!("Every request was answered");
            Ok(true)
        }
        () = grace_is_over => {
            warn!("Requests were still under way {grace:?} after the stop, and are given up");
            Ok(false)
        }
    }
}
