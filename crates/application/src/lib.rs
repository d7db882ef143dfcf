//! What Bellwether does: use cases, event handlers, and which event goes where.
//!
//! One module a bounded context, with its use cases and the handler that keeps it up to date, and
//! [`events`], the path every event takes from the outbox to its handlers. Nothing here knows an
//! adapter: everything outside is reached through the ports of `domain`.

pub mod analytics;
pub mod cards;
pub mod curators;
pub mod dead_letters;
pub mod events;
pub mod feeds;
pub mod jobs;
pub mod notifications;
pub mod operators;
pub mod queues;
pub mod rates;

use std::sync::Arc;

use domain::Store;

use crate::events::handler::EventHandler;
use crate::queues::QueueName;

/// The handlers that act on the jobs of a queue.
pub fn handlers_of(queue: QueueName) -> Vec<Arc<dyn EventHandler>> {
    match queue {
        QueueName::Notifications => vec![Arc::new(notifications::NotifyInApp::default())],
        QueueName::Feeds => vec![Arc::new(feeds::UpdateFeeds::default())],
        QueueName::Analytics | QueueName::Events => vec![Arc::new(analytics::CountEvents)],
    }
}

/// The handler of this name; absent if there is none.
pub fn handler_named(name: &str) -> Option<Arc<dyn EventHandler>> {
    all_handlers().find(|handler| handler.name() == name)
}

/// The names of all handlers.
pub fn handler_names() -> Vec<&'static str> {
    let mut names: Vec<_> = all_handlers().map(|handler| handler.name()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn all_handlers() -> impl Iterator<Item = Arc<dyn EventHandler>> {
    QueueName::ALL.into_iter().flat_map(handlers_of)
}

/// Shared storage, as every use case holds it.
pub type SharedStore = Arc<dyn Store>;
