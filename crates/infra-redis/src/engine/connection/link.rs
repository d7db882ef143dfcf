//! What is known of a connection besides what is sent over it: whether it stands, and why not.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::failure::in_words;

/// The state of a client's connection. Closes it with the last handle.
pub(super) struct Link {
    client: Client,
    trouble: Arc<Mutex<Option<String>>>,
    listeners: Vec<JoinHandle<Result<(), Error>>>,
    /// Whether the server is a node of a cluster, once it has told.
    pub(super) is_cluster: OnceLock<bool>,
}

impl Link {
    /// Watches this client from now on.
    pub(super) fn watch(client: &Client) -> Self {
        let trouble = Arc::new(Mutex::new(None));
        let (failed, mended) = (Arc::clone(&trouble), Arc::clone(&trouble));
        let listeners = vec![
            client.on_error(move |(error, _server)| {
                note(&failed, Some(in_words(error.details())));
                std::future::ready(Ok(()))
            }),
            client.on_reconnect(move |_server| {
                note(&mended, None);
                std::future::ready(Ok(()))
            }),
        ];
        Self {
            client: client.clone(),
            trouble,
            listeners,
            is_cluster: OnceLock::new(),
        }
    }

    /// `Err` says why there is no connection now.
    pub(super) fn stands(&self) -> Result<(), String> {
        if self.client.is_connected() {
            return Ok(());
        }
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        Err(trouble
            .clone()
            .unwrap_or_else(|| "not connected".to_owned()))
    }
}

fn note(trouble: &Mutex<Option<String>>, what: Option<String>) {
    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = what;
}

impl Drop for Link {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
        // The library would keep the connection for ever. There is nobody left to wait for this.
        if let Ok(runtime) = Handle::try_current() {
            let client = self.client.clone();
            TaskTracker::new().spawn_on(async move { super::quit(&client).await }, &runtime);
        }
    }
}
