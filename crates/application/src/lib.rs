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
pub mod notifications;
pub mod queues;

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

/// Shared storage, as every use case holds it.
pub type SharedStore = Arc<dyn Store>;
