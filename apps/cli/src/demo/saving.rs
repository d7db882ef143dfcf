//! The first part: everybody does something, and it must arrive.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::api::Answer;
use super::arrivals::{Caused, until, watch};
use super::bookmarks::Bookmark;
use super::checks;
use super::report::{CardStory, Check, Requests, Spread, Took, Worker};
use super::session::{Entry, Session, everything};
use super::stage::Stage;

/// What was done, and what arrived.
pub(crate) struct Saving {
    /// What was done.
    pub(crate) requests: Vec<Requests>,
    /// What became of each card.
    pub(crate) cards: Vec<CardStory>,
    /// What must have arrived.
    pub(crate) checks: Vec<Check>,
}

/// When things were seen after their causes, by card or curator.
type Seen = HashMap<String, Duration>;

/// Plays it.
pub(super) async fn play(stage: &mut Stage, bookmarks: &[Bookmark]) -> anyhow::Result<Saving> {
    let shared = bookmarks.first().context("there is no link to save")?;
    let followed = stage.ben.follow(&stage.ada.id).await?;
    let saved_before = stage.cyd.save(shared).await?;
    stage.ledger.add("CuratorFollowed", 1);
    stage.ledger.add("CardAddedToLibrary", 1 + bookmarks.len());

    let (for_feed, in_feed) = unbounded_channel();
    let (for_ben, ben_is_told) = unbounded_channel();
    let (for_cyd, cyd_is_told) = unbounded_channel();
    let (to_ada, ada_is_told) = unbounded_channel();
    announce(&to_ada, &stage.ben.id, followed.at);
    drop(to_ada);
    let stage = &*stage;
    let saving = async {
        let announcing = Announcing {
            feed: for_feed,
            ben: for_ben,
            cyd: for_cyd,
        };
        let cards = save_all(&stage.ada, bookmarks, announcing).await?;
        let counted = counted(stage, Instant::now()).await?;
        Ok((cards, counted))
    };

    // All at once, so that each delay counts from its cause and not from when it was its turn.
    let ((mut cards, counted), in_feed, ben_told, cyd_told, ada_told) = tokio::try_join!(
        saving,
        watch_feed(stage, in_feed),
        watch_notifications(stage, &stage.ben, "followee-saved", ben_is_told),
        watch_notifications(stage, &stage.cyd, "same-url-saved", cyd_is_told),
        watch_notifications(stage, &stage.ada, "new-follower", ada_is_told),
    )?;
    for card in &mut cards {
        card.in_feed = in_feed.get(&card.id).copied().map(Took);
        card.notified = ben_told.get(&card.id).copied().map(Took);
    }

    let mut checks = look_at_feed_and_notifications(stage, &cards, &cyd_told, &ada_told).await?;
    checks.push(counted);
    let requests = vec![
        stage.registering(),
        request("Ben follows Ada", &followed),
        request("Cyd saves the first link", &saved_before),
        Requests {
            what: format!("Ada saves {} links, one after the other", cards.len()),
            took: Spread::of(cards.iter().map(|card| card.saved)).context("no card was saved")?,
        },
    ];
    Ok(Saving {
        requests,
        cards,
        checks,
    })
}

/// A single request.
pub(super) fn request<T>(what: impl Into<String>, answer: &Answer<T>) -> Requests {
    Requests {
        what: what.into(),
        took: Spread::single(answer.took),
    }
}

/// Who watches for Ada's cards. They stop when this is dropped.
struct Announcing {
    feed: UnboundedSender<Caused>,
    ben: UnboundedSender<Caused>,
    cyd: UnboundedSender<Caused>,
}

fn announce(watcher: &UnboundedSender<Caused>, key: &str, at: Instant) {
    let key = key.to_owned();
    // A watcher that has given up needs to hear no more.
    watcher.send(Caused { key, at }).ok();
}

async fn save_all(
    ada: &Session,
    bookmarks: &[Bookmark],
    announcing: Announcing,
) -> anyhow::Result<Vec<CardStory>> {
    let mut cards = Vec::with_capacity(bookmarks.len());
    for bookmark in bookmarks {
        let saved = ada.save(bookmark).await?;
        let id = saved.body.id;
        announce(&announcing.feed, &id, saved.at);
        announce(&announcing.ben, &id, saved.at);
        if cards.is_empty() {
            announce(&announcing.cyd, &id, saved.at);
        }
        let url = bookmark.link.to_string();
        cards.push(CardStory {
            id,
            title: bookmark.title.clone().unwrap_or_else(|| url.clone()),
            url,
            saved: Took(saved.took),
            in_feed: None,
            notified: None,
        });
    }
    Ok(cards)
}

async fn watch_feed(stage: &Stage, announced: UnboundedReceiver<Caused>) -> anyhow::Result<Seen> {
    let look = async |awaited: &HashMap<String, Instant>| {
        // New cards are on the first page, so the others are read only while something is missing.
        let items = stage.ben.home_feed(|items| {
            let found = items
                .iter()
                .filter(|item| awaited.contains_key(&item.card.id));
            found.count() >= awaited.len()
        });
        let items = items.await?;
        Ok(items.into_iter().map(|item| item.card.id).collect())
    };
    watch("Ben's home feed", announced, stage.patience, look).await
}

/// Watches for entries of notifications of a kind, told apart by what they are about.
async fn watch_notifications(
    stage: &Stage,
    recipient: &Session,
    kind: &str,
    announced: UnboundedReceiver<Caused>,
) -> anyhow::Result<Seen> {
    let key = |entry: &Entry| entry.card.as_ref().unwrap_or(&entry.actor).id.clone();
    let look = async |awaited: &HashMap<String, Instant>| {
        let mut keys = Vec::new();
        let notifications = recipient.notifications().await?;
        for notification in notifications.iter().filter(|told| told.kind == kind) {
            // What is new is on the first page, so the others are read only while something is missing.
            let entries = recipient.entries(notification, |entries| {
                let found = entries
                    .iter()
                    .map(key)
                    .filter(|key| awaited.contains_key(key));
                found.count() >= awaited.len()
            });
            keys.extend(entries.await?.iter().map(key));
        }
        Ok(keys)
    };
    let patience = stage.patience_with_notifications();
    let what = format!("the notifications `{kind}`, whose queue is rate limited");
    watch(&what, announced, patience, look).await
}

async fn look_at_feed_and_notifications(
    stage: &Stage,
    cards: &[CardStory],
    cyd_told: &Seen,
    ada_told: &Seen,
) -> anyhow::Result<Vec<Check>> {
    let Stage { ada, ben, cyd, .. } = stage;
    let count = cards.len();
    let feed = ben.home_feed(everything).await?;
    let (to_ben, to_ada, to_cyd) = (ben.told().await?, ada.told().await?, cyd.told().await?);
    let (bursts, unread) = (ben.notifications().await?.len(), ben.unread().await?);

    let first = cards.first().map(|card| card.id.as_str());
    let is_unread = unread == bursts as u64;
    let s = if bursts == 1 { "" } else { "s" };
    let is_unread = (!is_unread).then(|| format!("the count says {unread}"));
    Ok(vec![
        Check::new(
            format!("Ben's home feed has each of the {count} cards once"),
            Worker::Feed,
            checks::feed(cards, &ada.id, &feed),
        )
        .after(Spread::of(cards.iter().filter_map(|card| card.in_feed))),
        Check::new(
            format!("Ben was notified of each of the {count} cards once"),
            Worker::Notification,
            checks::followee_saved(cards, &ada.id, &to_ben),
        )
        .after(Spread::of(cards.iter().filter_map(|card| card.notified))),
        Check::new(
            format!("Ben finds them in {bursts} unread notification{s}"),
            Worker::Notification,
            is_unread,
        ),
        Check::new(
            "Ada was notified of her new follower once",
            Worker::Notification,
            checks::told_once("new-follower", &ben.id, None, &to_ada),
        )
        .after(spread(ada_told)),
        Check::new(
            "Cyd was notified once that Ada saved the same URL",
            Worker::Notification,
            checks::told_once("same-url-saved", &ada.id, first, &to_cyd),
        )
        .after(spread(cyd_told)),
    ])
}

fn spread(seen: &Seen) -> Option<Spread> {
    Spread::of(seen.values().copied().map(Took))
}

/// Waits until the analytics have everything, and judges them.
pub(super) async fn counted(stage: &Stage, since: Instant) -> anyhow::Result<Check> {
    let Stage { ada, ledger, .. } = stage;
    let look = async || {
        let totals = ada.totals().await?;
        Ok((ledger.missing(&totals), totals))
    };
    let totals = until("the analytics", stage.patience, look).await?;
    let is_complete = ledger.missing(&totals) == 0;
    let took = is_complete.then(|| Spread::single(since.elapsed()));
    Ok(ledger.check(&totals).after(took))
}
