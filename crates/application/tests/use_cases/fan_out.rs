//! Events that concern more people than one transaction takes.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use application::events::dispatcher::Dispatcher;
use application::events::handler::EventHandler;
use application::feeds::UpdateFeeds;
use application::notifications::NotifyInApp;
use domain::EventEnvelope;
use domain::curators::Curator;
use domain::notifications::{NotificationKind, NotificationReader};
use domain::{Clock, PageRequest};

use crate::support::App;

const FOLLOWERS: usize = 5;
const CHUNK: NonZeroU32 = NonZeroU32::new(2).unwrap();
/// Two full chunks and one that is not.
const CHUNKS: u32 = 3;

const PAGE: &str = "https://example.org/";

/// Ada with more followers than a chunk holds.
struct Famous {
    app: App,
    ada: Curator,
    followers: [Curator; FOLLOWERS],
}

impl Famous {
    async fn new() -> Self {
        let app = App::new();
        let [ada] = app.register(["ada"]).await;
        let followers = app.register(["bob", "cyd", "dan", "eve", "fay"]).await;
        for follower in &followers {
            app.follow(follower, &ada).await;
        }
        app.settle().await;
        Self {
            app,
            ada,
            followers,
        }
    }

    /// Ada saves a page; the event that says so.
    async fn save(&self) -> EventEnvelope {
        self.app.save(&self.ada, PAGE).await;
        self.app.last_envelope()
    }

    fn dispatcher(&self, handler: impl EventHandler + 'static) -> Dispatcher {
        let clock: Arc<dyn Clock> = Arc::new(self.app.clock.clone());
        Dispatcher::new(self.app.store.shared(), clock, vec![Arc::new(handler)])
    }

    /// How often the page is in each follower's feed.
    async fn in_feeds(&self) -> [usize; FOLLOWERS] {
        let mut found = [0; FOLLOWERS];
        for (found, follower) in found.iter_mut().zip(&self.followers) {
            let home = self.app.home(follower).await;
            *found = home.iter().filter(|address| *address == PAGE).count();
        }
        found
    }

    /// What each follower was told.
    async fn told(&self) -> Vec<Vec<NotificationKind>> {
        let mut told = Vec::new();
        for follower in &self.followers {
            let page = self
                .app
                .store
                .memory
                .of(follower.id, PageRequest::default());
            told.push(page.await.unwrap().rows.iter().map(|n| n.kind).collect());
        }
        told
    }
}

fn feeds() -> UpdateFeeds {
    UpdateFeeds::in_chunks_of(CHUNK)
}

#[tokio::test]
async fn follower_list_larger_than_memory_chunk() {
    let famous = Famous::new().await;
    // One of them saved the page first, and so concerns the event twice.
    famous.app.save(&famous.followers[4], PAGE).await;
    famous.app.settle().await;
    famous.app.clock.advance(Duration::from_secs(1));
    let event = famous.save().await;

    let before = famous.app.store.committed();
    let feeds = famous.dispatcher(feeds());
    feeds.dispatch(&event).await.unwrap();
    assert_eq!(famous.in_feeds().await, [1; FOLLOWERS]);
    assert_eq!(famous.app.store.committed() - before, CHUNKS);
    let notify = famous.dispatcher(NotifyInApp::in_chunks_of(CHUNK));
    notify.dispatch(&event).await.unwrap();
    let mut expected = vec![vec![NotificationKind::FolloweeSaved]; FOLLOWERS];
    expected[4] = vec![NotificationKind::SameUrlSaved];
    assert_eq!(famous.told().await, expected);
    assert_eq!(famous.app.store.committed() - before, 2 * CHUNKS);

    // It counts as handled, as a whole.
    feeds.dispatch(&event).await.unwrap();
    notify.dispatch(&event).await.unwrap();
    assert_eq!(famous.app.store.committed() - before, 2 * CHUNKS);
    assert_eq!(famous.told().await, expected);
}

#[tokio::test]
async fn fan_out_fails_half_way() {
    let famous = Famous::new().await;
    let event = famous.save().await;
    famous.app.store.fail_commit_after(1);
    let feeds = famous.dispatcher(feeds());
    let failed = feeds.dispatch(&event).await.unwrap_err();
    assert!(failed.can_be_mended(), "{failed}");
    let reached: usize = famous.in_feeds().await.iter().sum();
    assert_eq!(reached, CHUNK.get() as usize, "the first chunk stays");

    // It does not count as handled, so it comes again.
    feeds.dispatch(&event).await.unwrap();
    assert_eq!(famous.in_feeds().await, [1; FOLLOWERS]);
}

#[tokio::test]
async fn removal_after_fan_out() {
    let famous = Famous::new().await;
    let added = famous.save().await;
    let card = famous.app.cards_of(&famous.ada).await.remove(0);
    // The removal is handled while the fan-out is half done, whose rest comes after it.
    famous.app.store.fail_commit_after(1);
    let feeds = famous.dispatcher(feeds());
    feeds.dispatch(&added).await.unwrap_err();
    famous.app.remove(&card).await;
    let removed = famous.app.last_envelope();
    feeds.dispatch(&removed).await.unwrap();
    feeds.dispatch(&added).await.unwrap();
    assert_eq!(famous.app.store.memory.entries(), 0);

    // And where all of it was done.
    let added = famous.save().await;
    let card = famous.app.cards_of(&famous.ada).await.remove(0);
    feeds.dispatch(&added).await.unwrap();
    assert_eq!(famous.app.store.memory.entries(), FOLLOWERS);
    famous.app.remove(&card).await;
    feeds.dispatch(&famous.app.last_envelope()).await.unwrap();
    assert_eq!(famous.app.store.memory.entries(), 0);
}
