//! Cases in which events were lost or doubled elsewhere, a test of its name for each.

use std::sync::Arc;
use std::time::Duration;

use application::events::handler::{EventHandler, HandlerError, Progress};
use application::queues::{QueueName, route};
use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::curators::CuratorId;
use domain::event::publisher::PublishError;
use domain::{EventEnvelope, EventKind, EventPublisher, UnitOfWork, UnixMillis};
use infra_redis::engine::Reply;
use testkit::builders::any_event;
use testkit::memory::MemoryStore;
use testkit::proxy::Proxy;
use testkit::valkey::shared_url;
use tokio::sync::Notify;

use crate::installation::{Installation, id_of, sound};

async fn counted(store: &MemoryStore) -> u64 {
    let counts = store.daily().await.unwrap();
    counts.iter().map(|count| count.count).sum()
}

#[tokio::test]
async fn partial_publish_to_several_queues() {
    let installation = Installation::new().await;
    let event = any_event();
    let queues = route(event.kind());
    assert!(queues.len() > 1, "it goes to several");
    // The last of its queues refuses it, whichever that is.
    let last = queues.last().unwrap();
    let counter = format!("{}:id", installation.id(*last));
    installation
        .command("SET", &[&counter, "not a number"])
        .await;
    let published = installation
        .publisher
        .publish(std::slice::from_ref(&event))
        .await;
    let Err(PublishError::Refused(refusals)) = published else {
        panic!("not refused: {published:?}");
    };
    assert_eq!(refusals[0].event, event.id, "so it stays in the outbox");

    installation.command("DEL", &[&counter]).await;
    installation.publish(std::slice::from_ref(&event)).await;
    for queue in queues {
        let counts = installation.queue(*queue).counts().await.unwrap();
        assert_eq!(counts.prioritized, 1, "in `{queue}` once");
    }
}

#[tokio::test]
async fn re_publication() {
    let url = shared_url().await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap())
        .await
        .unwrap();
    let installation = Installation::at(&proxy.url(), &[]).await;
    let (memory, store) = sound();
    let event = any_event();
    // The script is known to the server after this.
    installation.publish(&[any_event()]).await;
    // Valkey takes the event, and nobody hears of it.
    proxy.drop_next_reply();
    let published = installation
        .publisher
        .publish(std::slice::from_ref(&event))
        .await;
    assert!(
        matches!(published, Err(PublishError::Unavailable(_))),
        "{published:?}"
    );
    installation.publish(std::slice::from_ref(&event)).await;
    let worker = installation.count_into(&store).await;
    installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    let both = 2;
    assert_eq!(counted(&memory).await, both);

    // Long after, when its job is gone.
    let queue = installation.queue(QueueName::Analytics);
    queue.remove(&id_of(&event), false).await.unwrap();
    installation.publish(std::slice::from_ref(&event)).await;
    installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(counted(&memory).await, both);
}

/// Changes something, and then never ends; tells when it was started and when it was dropped.
struct Late {
    started: Arc<Notify>,
    dropped: Arc<Notify>,
}

struct TellsOfItsEnd(Arc<Notify>);

impl Drop for TellsOfItsEnd {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[async_trait]
impl EventHandler for Late {
    fn name(&self) -> &'static str {
        "analytics.count"
    }

    fn reacts_to(&self, _kind: EventKind) -> bool {
        true
    }

    fn bears_repetition(&self) -> bool {
        false
    }

    async fn handle(
        &self,
        envelope: &EventEnvelope,
        _after: Option<CuratorId>,
        work: &mut dyn UnitOfWork,
        now: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        let _told = TellsOfItsEnd(Arc::clone(&self.dropped));
        work.analytics().count(envelope.kind(), now).await?;
        self.started.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn lock_released_by_a_late_holder() {
    let installation = Installation::new().await;
    let (memory, store) = sound();
    let event = any_event();
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let late = Late {
        started: Arc::clone(&started),
        dropped: Arc::clone(&dropped),
    };
    let holder = installation.work(&store, vec![Arc::new(late)]).await;
    installation.publish(std::slice::from_ref(&event)).await;
    let soon = Duration::from_secs(30);
    tokio::time::timeout(soon, started.notified())
        .await
        .unwrap();

    // Its lock ran out, and somebody else has the job.
    let lock = format!("{}:lock", event.id);
    let theirs = ["somebody-else", "PX", "60000"];
    installation.on("SET", &lock, &theirs).await;
    tokio::time::timeout(soon, dropped.notified())
        .await
        .unwrap();
    holder.stop(Duration::from_secs(5)).await;
    let kept = installation.on("GET", &lock, &[]).await;
    assert_eq!(kept, Reply::Text("somebody-else".to_owned()));
    let job = installation
        .job(QueueName::Analytics, &event)
        .await
        .unwrap();
    assert_eq!((job.finished_on, job.attempts_made), (None, 0));
    assert_eq!(counted(&memory).await, 0, "and did nothing");

    installation.on("DEL", &lock, &[]).await;
    let worker = installation.count_into(&store).await;
    installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(counted(&memory).await, 1);
}
