//! Notifications. The table holds their entries: a notification is all that is to be known of those
//! with the same `COALESCE(group_id, id)`, so nothing has to be kept in step with them.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::cards::CardId;
use domain::curators::CuratorId;
use domain::notifications::{
    Entry, EntryView, Group, Grouping, NotificationId, NotificationKind, NotificationReader,
    NotificationRepository, NotificationView,
};
use domain::{Page, PageRequest, StoreError, UnixMillis};
use sqlx::FromRow;
use uuid::Uuid;

use super::PostgresStore;
use super::unit_of_work::PostgresUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::keyset;
use crate::rows::notifications::{EntryRow, GroupRow, NotificationRow, different};

/// A notification that one of several entries might join.
#[derive(FromRow)]
struct Candidate {
    entry_id: Uuid,
    #[sqlx(flatten)]
    group: GroupRow,
}

impl PostgresUnitOfWork {
    /// Lets nobody else choose notifications for these recipients until this transaction ends: two
    /// that opened one at the same time would not see each other's. The order keeps those who wait
    /// for several recipients from waiting for each other.
    async fn take_turns(&mut self, recipients: &[Uuid]) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM curators WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE")
            .bind(recipients)
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    /// The notifications that each of these entries might join, in the order in which they are asked.
    async fn candidates(
        &mut self,
        entries: &[Entry],
        grouping: Grouping,
    ) -> Result<Vec<(Uuid, Group)>, StoreError> {
        let columns = Columns::of(entries);
        let reach = entries
            .iter()
            .map(|entry| grouping.reach(entry.occurred_at));
        let (from, until): (Vec<_>, Vec<_>) = reach
            .map(|(from, until)| (from.as_i64(), until.as_i64()))
            .unzip();
        let candidates = sqlx::query_as::<_, Candidate>(
            "SELECT wanted.entry_id, near.notification_id,
                    (SELECT min(occurred_at) FROM notifications
                     WHERE COALESCE(group_id, id) = near.notification_id) AS first_at,
                    (SELECT max(occurred_at) FROM notifications
                     WHERE COALESCE(group_id, id) = near.notification_id) AS last_at
             FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
                         $7::bigint[])
                    AS wanted (entry_id, recipient_id, kind, group_key, from_at, at, until_at)
             CROSS JOIN LATERAL (
                 (SELECT COALESCE(group_id, id) AS notification_id, 1 AS turn
                  FROM notifications
                  WHERE recipient_id = wanted.recipient_id AND read_at IS NULL
                    AND kind = wanted.kind AND group_key = wanted.group_key
                    AND occurred_at BETWEEN wanted.from_at AND wanted.at
                  ORDER BY occurred_at DESC, id DESC
                  LIMIT 1)
                 UNION ALL
                 (SELECT COALESCE(group_id, id), 2
                  FROM notifications
                  WHERE recipient_id = wanted.recipient_id AND read_at IS NULL
                    AND kind = wanted.kind AND group_key = wanted.group_key
                    AND occurred_at > wanted.at AND occurred_at <= wanted.until_at
                  ORDER BY occurred_at, id
                  LIMIT 1)
             ) AS near
             ORDER BY near.turn",
        )
        .bind(columns.ids)
        .bind(columns.recipients)
        .bind(columns.kinds)
        .bind(columns.keys)
        .bind(from)
        .bind(columns.times)
        .bind(until)
        .fetch_all(self.connection())
        .await
        .map_err(unreadable("notification"))?;
        let candidates = candidates.into_iter();
        Ok(candidates
            .map(|candidate| (candidate.entry_id, candidate.group.into()))
            .collect())
    }

    /// Adds entries of one event, of which no two have the same recipient.
    async fn add_together(
        &mut self,
        entries: &[Entry],
        grouping: Grouping,
    ) -> Result<u64, StoreError> {
        let mut groups: HashMap<Uuid, Vec<Group>> = HashMap::new();
        for (entry, group) in self.candidates(entries, grouping).await? {
            groups.entry(entry).or_default().push(group);
        }
        let joins = entries.iter().map(|entry| {
            let groups = groups
                .get(&entry.id.as_uuid())
                .map_or(&[][..], Vec::as_slice);
            let chosen = grouping.choose(groups, entry.occurred_at);
            chosen.unwrap_or(entry.opens()).as_uuid()
        });
        let joins: Vec<_> = joins.collect();
        let columns = Columns::of(entries);
        let done = sqlx::query(
            "INSERT INTO notifications
                 (id, recipient_id, kind, group_key, occurred_at, actor_id, card_id, event_id,
                  group_id)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[],
                                  $6::uuid[], $7::uuid[], $8::uuid[], $9::uuid[])
             ON CONFLICT (event_id, recipient_id) DO NOTHING",
        )
        .bind(columns.ids)
        .bind(columns.recipients)
        .bind(columns.kinds)
        .bind(columns.keys)
        .bind(columns.times)
        .bind(columns.actors)
        .bind(columns.cards)
        .bind(columns.events)
        .bind(joins)
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

/// Entries as arrays, one a column, so that a chunk of followers is one statement.
struct Columns<'a> {
    ids: Vec<Uuid>,
    recipients: Vec<Uuid>,
    kinds: Vec<&'static str>,
    keys: Vec<&'a str>,
    times: Vec<i64>,
    actors: Vec<Uuid>,
    cards: Vec<Option<Uuid>>,
    events: Vec<Uuid>,
}

impl<'a> Columns<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        fn all<'a, T>(entries: &'a [Entry], column: impl Fn(&'a Entry) -> T) -> Vec<T> {
            entries.iter().map(column).collect()
        }
        Self {
            ids: all(entries, |entry| entry.id.as_uuid()),
            recipients: all(entries, |entry| entry.recipient.as_uuid()),
            kinds: all(entries, |entry| entry.kind.as_str()),
            keys: all(entries, |entry| entry.key.as_str()),
            times: all(entries, |entry| entry.occurred_at.as_i64()),
            actors: all(entries, |entry| entry.actor.as_uuid()),
            cards: all(entries, |entry| entry.card.map(CardId::as_uuid)),
            events: all(entries, |entry| entry.event.as_uuid()),
        }
    }
}

#[async_trait]
impl NotificationRepository for PostgresUnitOfWork {
    async fn add(&mut self, entries: &[Entry], grouping: Grouping) -> Result<u64, StoreError> {
        self.take_turns(&Columns::of(entries).recipients).await?;
        let mut added = 0;
        // Within one event no entry depends on another.
        for together in entries.chunk_by(|entry, next| entry.event == next.event) {
            added += self.add_together(together, grouping).await?;
        }
        Ok(added)
    }

    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM notifications WHERE card_id = $1 AND read_at IS NULL")
            .bind(card.as_uuid())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn retract_follows(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM notifications
             WHERE recipient_id = $1 AND actor_id = $2 AND kind = $3 AND read_at IS NULL
               AND NOT EXISTS (
                 SELECT 1 FROM follows
                 WHERE followee_id = $1 AND follower_id = $2
                   AND since <= notifications.occurred_at
               )",
        )
        .bind(followee.as_uuid())
        .bind(follower.as_uuid())
        .bind(NotificationKind::NewFollower.as_str())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn mark_read(
        &mut self,
        recipient: CuratorId,
        ids: &[NotificationId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        self.take_turns(&[recipient.as_uuid()]).await?;
        let mut marked = 0;
        for id in ids {
            // The release before lists entries, so the id may be that of any entry.
            let done = sqlx::query(
                "UPDATE notifications SET read_at = $3
                 WHERE recipient_id = $2 AND read_at IS NULL
                   AND COALESCE(group_id, id) IN (
                     $1, (SELECT entry.group_id FROM notifications entry WHERE entry.id = $1)
                   )",
            )
            .bind(id.as_uuid())
            .bind(recipient.as_uuid())
            .bind(now.as_i64())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
            marked += u64::from(done.rows_affected() > 0);
        }
        Ok(marked)
    }

    async fn mark_read_before(
        &mut self,
        recipient: CuratorId,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        self.take_turns(&[recipient.as_uuid()]).await?;
        let marked = sqlx::query_scalar(
            "UPDATE notifications SET read_at = $3
             WHERE recipient_id = $1 AND occurred_at <= $2 AND read_at IS NULL
               AND NOT EXISTS (
                 SELECT 1 FROM notifications later
                 WHERE COALESCE(later.group_id, later.id)
                         = COALESCE(notifications.group_id, notifications.id)
                   AND later.occurred_at > $2
               )
             RETURNING COALESCE(group_id, id)",
        )
        .bind(recipient.as_uuid())
        .bind(before.as_i64())
        .bind(now.as_i64())
        .fetch_all(self.connection())
        .await
        .map_err(unreadable("notification"))?;
        Ok(different(marked))
    }
}

#[async_trait]
impl NotificationReader for PostgresStore {
    async fn of(
        &self,
        recipient: CuratorId,
        page: PageRequest,
    ) -> Result<Page<NotificationView>, StoreError> {
        let (at, id) = keyset::start(&page);
        let views = sqlx::query_as::<_, NotificationRow>(
            "WITH newest AS (
                 SELECT COALESCE(group_id, id) AS notification_id, id, kind, actor_id, card_id,
                        occurred_at
                 FROM notifications
                 WHERE recipient_id = $1 AND (occurred_at, id) < ($2, $3)
                   AND NOT EXISTS (
                     SELECT 1 FROM notifications later
                     WHERE COALESCE(later.group_id, later.id)
                             = COALESCE(notifications.group_id, notifications.id)
                       AND (later.occurred_at, later.id)
                             > (notifications.occurred_at, notifications.id)
                   )
                 ORDER BY occurred_at DESC, id DESC
                 LIMIT $4
             ), totals AS (
                 SELECT newest.notification_id, min(entry.occurred_at) AS since,
                        count(*) AS entries, count(DISTINCT entry.actor_id) - 1 AS others,
                        CASE WHEN count(*) = count(entry.read_at) THEN max(entry.read_at) END
                          AS read_at
                 FROM newest
                 JOIN notifications entry
                   ON COALESCE(entry.group_id, entry.id) = newest.notification_id
                 GROUP BY newest.notification_id
             )
             SELECT newest.notification_id, newest.kind, totals.since, totals.entries,
                    totals.others, totals.read_at,
                    newest.id AS entry_id, newest.occurred_at,
                    curators.id AS curator_id, curators.handle, curators.display_name,
                    curators.registered_at,
                    cards.id AS card_id, cards.curator_id AS saved_by, cards.url, cards.title,
                    cards.note, cards.saved_at
             FROM newest
             JOIN totals ON totals.notification_id = newest.notification_id
             JOIN curators ON curators.id = newest.actor_id
             LEFT JOIN cards ON cards.id = newest.card_id
             ORDER BY newest.occurred_at DESC, newest.id DESC",
        )
        .bind(recipient.as_uuid())
        .bind(at)
        .bind(id)
        .bind(keyset::one_more(&page))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable("notification"))?
        .into_iter()
        .map(NotificationView::try_from)
        .collect::<Result<_, _>>()?;
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
        let (at, id) = keyset::start(&page);
        let views = sqlx::query_as::<_, EntryRow>(
            "SELECT notifications.id AS entry_id, notifications.occurred_at,
                    curators.id AS curator_id, curators.handle, curators.display_name,
                    curators.registered_at,
                    cards.id AS card_id, cards.curator_id AS saved_by, cards.url, cards.title,
                    cards.note, cards.saved_at
             FROM notifications
             JOIN curators ON curators.id = notifications.actor_id
             LEFT JOIN cards ON cards.id = notifications.card_id
             WHERE COALESCE(notifications.group_id, notifications.id) = $2
               AND notifications.recipient_id = $1
               AND (notifications.occurred_at, notifications.id) < ($3, $4)
             ORDER BY notifications.occurred_at DESC, notifications.id DESC
             LIMIT $5",
        )
        .bind(recipient.as_uuid())
        .bind(notification.as_uuid())
        .bind(at)
        .bind(id)
        .bind(keyset::one_more(&page))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable("notification"))?
        .into_iter()
        .map(EntryView::try_from)
        .collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(views, page.limit, EntryView::position))
    }

    async fn unread(&self, recipient: CuratorId) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(DISTINCT COALESCE(group_id, id)) FROM notifications
             WHERE recipient_id = $1 AND read_at IS NULL",
        )
        .bind(recipient.as_uuid())
        .fetch_one(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(count.unsigned_abs())
    }
}
