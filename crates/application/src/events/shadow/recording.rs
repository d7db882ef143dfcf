//! The repositories that handlers write to. Those that they only read are passed through; whatever
//! is written there is rolled back like all the rest.

use async_trait::async_trait;
use domain::analytics::AnalyticsRepository;
use domain::cards::{CardId, CardRepository};
use domain::curators::{CuratorId, CuratorRepository, FollowerChunk};
use domain::event::dead_letter::DeadLetterRepository;
use domain::event::inbox::Inbox;
use domain::event::outbox::Outbox;
use domain::feeds::{FanOut, FeedEntry, FeedRepository};
use domain::notifications::{Entry, Grouping, NotificationId, NotificationRepository};
use domain::{EventEnvelope, EventKind, StoreError, UnitOfWork, UnixMillis};

use super::{Effect, Shadow};

#[async_trait]
impl UnitOfWork for Shadow {
    fn curators(&mut self) -> &mut dyn CuratorRepository {
        self.work.curators()
    }

    fn cards(&mut self) -> &mut dyn CardRepository {
        self.work.cards()
    }

    fn feeds(&mut self) -> &mut dyn FeedRepository {
        self
    }

    fn notifications(&mut self) -> &mut dyn NotificationRepository {
        self
    }

    fn analytics(&mut self) -> &mut dyn AnalyticsRepository {
        self
    }

    fn outbox(&mut self) -> &mut dyn Outbox {
        self
    }

    fn inbox(&mut self) -> &mut dyn Inbox {
        self.work.inbox()
    }

    fn dead_letters(&mut self) -> &mut dyn DeadLetterRepository {
        self.work.dead_letters()
    }

    /// Rolls back: a shadow changes nothing.
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl FeedRepository for Shadow {
    async fn fan_out(
        &mut self,
        entry: &FeedEntry,
        chunk: FollowerChunk,
    ) -> Result<FanOut, StoreError> {
        let fan_out = self.work.feeds().fan_out(entry, chunk).await?;
        let about = format!("card {}", entry.card);
        self.note(Effect::FeedEntriesAdded, about, fan_out.added);
        Ok(fan_out)
    }

    async fn backfill(
        &mut self,
        reader: CuratorId,
        entries: &[FeedEntry],
    ) -> Result<u64, StoreError> {
        let added = self.work.feeds().backfill(reader, entries).await?;
        let about = format!("{added} earlier cards for curator {reader}");
        // One feed, whatever the number of its entries.
        self.note(Effect::FeedEntriesAdded, about, added.min(1));
        Ok(added)
    }

    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError> {
        let removed = self.work.feeds().retract_card(card).await?;
        self.note(Effect::FeedEntriesRemoved, format!("card {card}"), removed);
        Ok(removed)
    }

    async fn retract_author(
        &mut self,
        reader: CuratorId,
        author: CuratorId,
    ) -> Result<u64, StoreError> {
        let removed = self.work.feeds().retract_author(reader, author).await?;
        let about = format!("what curator {author} saved, for curator {reader},");
        self.note(Effect::FeedEntriesRemoved, about, removed);
        Ok(removed)
    }
}

#[async_trait]
impl NotificationRepository for Shadow {
    async fn add(&mut self, entries: &[Entry], grouping: Grouping) -> Result<u64, StoreError> {
        let mut all = 0;
        // One at a time, so that each kind is counted by itself.
        let mut kinds: Vec<(&'static str, u64)> = Vec::new();
        for entry in entries {
            let one = std::slice::from_ref(entry);
            let added = self.work.notifications().add(one, grouping).await?;
            let kind = entry.kind.as_str();
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, rows)) => *rows += added,
                None => kinds.push((kind, added)),
            }
            all += added;
        }
        for (kind, rows) in kinds {
            self.note(Effect::NotificationsAdded, kind.to_owned(), rows);
        }
        Ok(all)
    }

    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError> {
        let removed = self.work.notifications().retract_card(card).await?;
        self.note(
            Effect::NotificationsRemoved,
            format!("card {card}"),
            removed,
        );
        Ok(removed)
    }

    async fn retract_follows(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<u64, StoreError> {
        let work = self.work.notifications();
        let removed = work.retract_follows(follower, followee).await?;
        let about = format!("that curator {follower} follows curator {followee}");
        self.note(Effect::NotificationsRemoved, about, removed);
        Ok(removed)
    }

    async fn mark_read(
        &mut self,
        recipient: CuratorId,
        ids: &[NotificationId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let work = self.work.notifications();
        let marked = work.mark_read(recipient, ids, now).await?;
        let about = format!("curator {recipient}");
        self.note(Effect::NotificationsRead, about, marked);
        Ok(marked)
    }

    async fn mark_read_before(
        &mut self,
        recipient: CuratorId,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let work = self.work.notifications();
        let marked = work.mark_read_before(recipient, before, now).await?;
        let about = format!("curator {recipient}");
        self.note(Effect::NotificationsRead, about, marked);
        Ok(marked)
    }
}

#[async_trait]
impl AnalyticsRepository for Shadow {
    async fn count(&mut self, kind: EventKind, occurred_at: UnixMillis) -> Result<(), StoreError> {
        self.work.analytics().count(kind, occurred_at).await?;
        let about = format!("{kind} on {}", occurred_at.day());
        self.note(Effect::EventsCounted, about, 1);
        Ok(())
    }
}

#[async_trait]
impl Outbox for Shadow {
    async fn record(&mut self, events: &[EventEnvelope]) -> Result<(), StoreError> {
        self.work.outbox().record(events).await?;
        for event in events {
            self.note(Effect::EventsRaised, event.kind().to_string(), 1);
        }
        Ok(())
    }
}
