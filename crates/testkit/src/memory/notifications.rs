//! Notifications.

use async_trait::async_trait;
use domain::cards::CardId;
use domain::curators::CuratorId;
use domain::notifications::{
    Entry, EntryView, Group, Grouping, NotificationId, NotificationKind, NotificationReader,
    NotificationRepository, NotificationView,
};
use domain::{Page, PageRequest, StoreError, UnixMillis};

use super::unit_of_work::MemoryUnitOfWork;
use super::{MemoryStore, State, newest_first};

/// An entry as stored.
#[derive(Clone)]
pub(super) struct Told {
    entry: Entry,
    notification: NotificationId,
    read_at: Option<UnixMillis>,
}

impl State {
    fn told_to(&self, recipient: CuratorId) -> impl Iterator<Item = &Told> {
        let all = self.notifications.values();
        all.filter(move |told| told.entry.recipient == recipient)
    }

    /// The entries of a notification, oldest first.
    fn entries(&self, notification: NotificationId) -> Vec<&Told> {
        let all = self.notifications.values();
        let mut entries: Vec<_> = all
            .filter(|told| told.notification == notification)
            .collect();
        entries.sort_by_key(|told| told.entry.position());
        entries
    }

    /// The notifications that an entry might join, in the order in which they are asked.
    fn groups(&self, entry: &Entry, grouping: Grouping) -> Vec<Group> {
        let (from, until) = grouping.reach(entry.occurred_at);
        let matter = |entry: &Entry| (entry.kind, entry.key.clone());
        let mut near: Vec<_> = self
            .told_to(entry.recipient)
            .filter(|told| told.read_at.is_none() && matter(&told.entry) == matter(entry))
            .filter(|told| (from..=until).contains(&told.entry.occurred_at))
            .collect();
        near.sort_by_key(|told| told.entry.position());
        let after = near.partition_point(|told| told.entry.occurred_at <= entry.occurred_at);
        let before = after.checked_sub(1).and_then(|index| near.get(index));
        let both = before.into_iter().chain(near.get(after));
        both.map(|told| self.group(told.notification)).collect()
    }

    fn group(&self, notification: NotificationId) -> Group {
        let entries = self.entries(notification);
        let times = entries.iter().map(|told| told.entry.occurred_at);
        let first_at = times.clone().min().expect("it has an entry");
        Group {
            id: notification,
            first_at,
            last_at: times.max().unwrap_or(first_at),
        }
    }

    /// Takes back the unread entries that are so; how many.
    fn take_back(&mut self, is_gone: impl Fn(&Entry) -> bool) -> u64 {
        let before = self.notifications.len();
        self.notifications
            .retain(|_, told| told.read_at.is_some() || !is_gone(&told.entry));
        (before - self.notifications.len()) as u64
    }

    /// Marks these notifications read as far as they are unread; how many were.
    fn mark_read(&mut self, mut ids: Vec<NotificationId>, now: UnixMillis) -> u64 {
        ids.sort();
        ids.dedup();
        let mut marked = 0;
        for id in ids {
            let all = self.notifications.values_mut();
            let unread = all.filter(|told| told.notification == id && told.read_at.is_none());
            let unread: Vec<_> = unread.collect();
            marked += u64::from(!unread.is_empty());
            for told in unread {
                told.read_at = Some(now);
            }
        }
        marked
    }

    fn entry_view(&self, entry: &Entry) -> Option<EntryView> {
        Some(EntryView {
            id: entry.id,
            actor: self.curator(entry.actor)?.clone(),
            card: entry.card.and_then(|card| self.cards.get(&card)).cloned(),
            occurred_at: entry.occurred_at,
        })
    }

    fn view(&self, notification: NotificationId) -> Option<NotificationView> {
        let entries = self.entries(notification);
        let (oldest, newest) = (entries.first()?, entries.last()?);
        let mut actors: Vec<_> = entries.iter().map(|told| told.entry.actor).collect();
        actors.sort();
        actors.dedup();
        let read: Option<Vec<_>> = entries.iter().map(|told| told.read_at).collect();
        Some(NotificationView {
            id: notification,
            kind: newest.entry.kind,
            newest: self.entry_view(&newest.entry)?,
            since: oldest.entry.occurred_at,
            count: entries.len() as u64,
            others: actors.len() as u64 - 1,
            read_at: read.and_then(|read| read.into_iter().max()),
        })
    }

    fn notifications_of(&self, recipient: CuratorId) -> Vec<NotificationId> {
        let mut ids: Vec<_> = self
            .told_to(recipient)
            .map(|told| told.notification)
            .collect();
        ids.sort();
        ids.dedup();
        ids
    }
}

#[async_trait]
impl NotificationRepository for MemoryUnitOfWork {
    async fn add(&mut self, entries: &[Entry], grouping: Grouping) -> Result<u64, StoreError> {
        let before = self.state.notifications.len();
        for entry in entries {
            self.state.require_curator(entry.recipient)?;
            self.state.require_curator(entry.actor)?;
            let groups = self.state.groups(entry, grouping);
            let joins = grouping.choose(&groups, entry.occurred_at);
            self.state
                .notifications
                .entry((entry.event, entry.recipient))
                .or_insert_with(|| Told {
                    entry: entry.clone(),
                    notification: joins.unwrap_or(entry.opens()),
                    read_at: None,
                });
        }
        Ok((self.state.notifications.len() - before) as u64)
    }

    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError> {
        Ok(self.state.take_back(|entry| entry.card == Some(card)))
    }

    async fn retract_follows(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<u64, StoreError> {
        let since = self.state.follows.get(&(follower, followee)).copied();
        Ok(self.state.take_back(|entry| {
            entry.kind == NotificationKind::NewFollower
                && (entry.actor, entry.recipient) == (follower, followee)
                && since.is_none_or(|since| since > entry.occurred_at)
        }))
    }

    async fn mark_read(
        &mut self,
        recipient: CuratorId,
        ids: &[NotificationId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let wanted = self
            .state
            .told_to(recipient)
            .filter(|told| ids.contains(&told.notification) || ids.contains(&told.entry.opens()));
        let wanted = wanted.map(|told| told.notification).collect();
        Ok(self.state.mark_read(wanted, now))
    }

    async fn mark_read_before(
        &mut self,
        recipient: CuratorId,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let mut wanted = self.state.notifications_of(recipient);
        wanted.retain(|id| self.state.group(*id).last_at <= before);
        Ok(self.state.mark_read(wanted, now))
    }
}

#[async_trait]
impl NotificationReader for MemoryStore {
    async fn of(
        &self,
        recipient: CuratorId,
        page: PageRequest,
    ) -> Result<Page<NotificationView>, StoreError> {
        let views: Vec<_> = self.read(|state| {
            let ids = state.notifications_of(recipient).into_iter();
            ids.filter_map(|id| state.view(id)).collect()
        });
        let views = newest_first(views, &page, NotificationView::position);
        Ok(Page::from_one_more(
            views,
            page.limit,
            NotificationView::position,
        ))
    }

    async fn entries(
        &self,
        recipient: CuratorId,
        notification: NotificationId,
        page: PageRequest,
    ) -> Result<Page<EntryView>, StoreError> {
        let views: Vec<_> = self.read(|state| {
            let entries = state.entries(notification).into_iter();
            let theirs = entries.filter(|told| told.entry.recipient == recipient);
            theirs
                .filter_map(|told| state.entry_view(&told.entry))
                .collect()
        });
        let views = newest_first(views, &page, EntryView::position);
        Ok(Page::from_one_more(views, page.limit, EntryView::position))
    }

    async fn unread(&self, recipient: CuratorId) -> Result<u64, StoreError> {
        Ok(self.read(|state| {
            let ids = state.notifications_of(recipient).into_iter();
            let is_unread = |id: &NotificationId| {
                let entries = state.entries(*id);
                entries.iter().any(|told| told.read_at.is_none())
            };
            ids.filter(is_unread).count() as u64
        }))
    }
}
