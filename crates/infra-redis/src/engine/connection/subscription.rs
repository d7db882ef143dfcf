//! A connection that hears what is announced on a channel.

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{EventInterface, PubsubInterface};
use fred::types::Message;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tracing::debug;

use super::{ConnectionSettings, quit};
use crate::engine::error::EngineError;

/// Hears a channel. It reconnects by itself and hears again then; what is announced meanwhile is
/// lost to it, so announcements can only be hints.
pub(in crate::engine) struct Subscription {
    client: Client,
    messages: Receiver<Message>,
    renewing: JoinHandle<Result<(), Error>>,
}

impl Subscription {
    /// Connects and subscribes.
    pub(in crate::engine) async fn open(
        settings: &ConnectionSettings,
        channel: &str,
    ) -> Result<Self, EngineError> {
        let client = settings.open().await?;
        let messages = client.message_rx();
        let (again, name) = (client.clone(), channel.to_owned());
        let renewing = client.on_reconnect(move |_server| {
            let (client, name) = (again.clone(), name.clone());
            async move {
                if let Err(error) = client.subscribe(name).await {
                    debug!(%error, "The subscription could not be made again");
                }
                Ok(())
            }
        });
        let subscription = Self {
            client,
            messages,
            renewing,
        };
        if let Err(error) = subscription.client.subscribe(channel).await {
            let error = EngineError::from(error);
            subscription.close().await;
            return Err(error);
        }
        Ok(subscription)
    }

    /// The next announcement; absent once there will be none. Cancel-safe.
    pub(in crate::engine) async fn next(&mut self) -> Option<String> {
        loop {
            match self.messages.recv().await {
                // What is no text is nothing that this release announces.
                Ok(message) => {
                    if let Some(text) = message.value.into_string() {
                        return Some(text);
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Closes it.
    pub(in crate::engine) async fn close(self) {
        self.renewing.abort();
        quit(&self.client).await;
    }
}
