//! What was promised, and whether it was kept: each accepted event took effect exactly once.

use std::collections::HashSet;

use anyhow::Result;
use testkit::sql::Sql;
use uuid::Uuid;

use crate::load::{FOLLOWERS, Told};
use crate::queues::Queues;

/// A promise, and the sentences that say which events broke it.
pub(crate) struct Promise {
    pub(crate) what: &'static str,
    /// How many events, or effects, it was looked at for.
    pub(crate) of: u64,
    pub(crate) broken: Vec<String>,
}

/// Which handler acts on which kinds of event.
const HANDLERS: [(&str, &[&str]); 3] = [
    (
        "feeds.update",
        &[
            "CardAddedToLibrary",
            "CardRemovedFromLibrary",
            "CuratorFollowed",
        ],
    ),
    (
        "notifications.in-app",
        &[
            "CardAddedToLibrary",
            "CardRemovedFromLibrary",
            "CuratorFollowed",
        ],
    ),
    (
        "analytics.count",
        &[
            "CardAddedToLibrary",
            "CardRemovedFromLibrary",
            "CuratorFollowed",
            "CuratorRegistered",
        ],
    ),
];

/// Looks at every promise, in the order of an event's way.
pub(crate) async fn look(sql: &Sql, told: &Told, queues: &Queues) -> Result<Vec<Promise>> {
    Ok(vec![
        accepted(sql, told).await?,
        published(sql).await?,
        handled(sql, queues).await?,
        in_feeds(sql).await?,
        told_of(sql).await?,
        counted(sql).await?,
        nothing_active(queues).await?,
    ])
}

/// What was answered with success has an event.
async fn accepted(sql: &Sql, told: &Told) -> Result<Promise> {
    let (saved, removed) = told.cards();
    let mut broken = Vec::new();
    for (kind, cards) in [
        ("CardAddedToLibrary", &saved),
        ("CardRemovedFromLibrary", &removed),
    ] {
        let subject = sql.id("subject");
        let query = format!("SELECT {subject} FROM outbox WHERE kind = '{kind}'");
        let recorded = sql.texts(&query).await?;
        let recorded = recorded.iter().map(|card| Uuid::parse_str(card));
        let recorded: HashSet<_> = recorded.collect::<Result<_, _>>()?;
        let lost = cards.iter().filter(|card| !recorded.contains(card));
        broken.extend(lost.map(|card| {
            format!("card {card} was accepted, and its {kind} is not in the outbox: it is lost")
        }));
    }
    Ok(Promise {
        what: "what was accepted is in the outbox",
        of: (saved.len() + removed.len()) as u64,
        broken,
    })
}

async fn published(sql: &Sql) -> Result<Promise> {
    let id = sql.id("event_id");
    let query = format!("SELECT {id} FROM outbox WHERE published_at IS NULL ORDER BY seq");
    let left = sql.texts(&query).await?;
    Ok(Promise {
        what: "no outbox row is unpublished",
        of: events(sql).await?,
        broken: left
            .into_iter()
            .map(|event| format!("event {event} is in the outbox and was never published"))
            .collect(),
    })
}

async fn handled(sql: &Sql, queues: &Queues) -> Result<Promise> {
    let mut promise = Promise {
        what: "each handler has acted on each of its events",
        of: 0,
        broken: Vec::new(),
    };
    let id = sql.id("o.event_id");
    for (handler, kinds) in HANDLERS {
        let kinds = format!("'{}'", kinds.join("', '"));
        let query = format!("SELECT COUNT(*) FROM outbox WHERE kind IN ({kinds})");
        promise.of += number(sql, &query).await?;
        let query = format!(
            "SELECT {id} FROM outbox o LEFT JOIN inbox i
             ON i.event_id = o.event_id AND i.handler = '{handler}'
             WHERE o.kind IN ({kinds}) AND i.event_id IS NULL ORDER BY o.seq"
        );
        for event in sql.texts(&query).await? {
            let job = queues.about(&event).await?;
            promise.broken.push(format!(
                "event {event} never took effect in {handler}; {job}"
            ));
        }
    }
    Ok(promise)
}

async fn in_feeds(sql: &Sql) -> Result<Promise> {
    let (event, card) = (sql.id("o.event_id"), sql.id("e.card_id"));
    let due = "FROM outbox o JOIN cards c ON c.id = o.subject
         JOIN follows f ON f.followee_id = c.curator_id";
    let of = number(
        sql,
        &format!("SELECT COUNT(*) {due} WHERE o.kind = 'CardAddedToLibrary'"),
    )
    .await?;
    let lost = format!(
        "SELECT {event} {due} LEFT JOIN feed_entries e
         ON e.card_id = c.id AND e.reader_id = f.follower_id
         WHERE o.kind = 'CardAddedToLibrary' AND e.card_id IS NULL ORDER BY o.seq"
    );
    let doubled = format!(
        "SELECT {card}, COUNT(*) FROM feed_entries e
         GROUP BY e.card_id, e.reader_id HAVING COUNT(*) > 1"
    );
    let left = format!(
        "SELECT {card} FROM feed_entries e LEFT JOIN cards c ON c.id = e.card_id
         WHERE c.id IS NULL"
    );
    let mut broken = Vec::new();
    for event in sql.texts(&lost).await? {
        broken.push(format!(
            "event {event} did not reach a follower's feed: it is lost there"
        ));
    }
    for (card, times) in sql.counts(&doubled).await? {
        broken.push(format!(
            "card {card} is in one feed {times} times: it is doubled there"
        ));
    }
    for card in sql.texts(&left).await? {
        broken.push(format!("card {card} was removed and is still in a feed"));
    }
    Ok(Promise {
        what: "each card is once in each follower's feed, and removed ones in none",
        of,
        broken,
    })
}

/// Nobody reads anything, so what was told of a card that was removed must have been taken back.
async fn told_of(sql: &Sql) -> Result<Promise> {
    let event = sql.id("o.event_id");
    let mut promise = Promise {
        what: "each event has told each whom it concerns once",
        of: 0,
        broken: Vec::new(),
    };
    let is_there = "EXISTS (SELECT 1 FROM cards c WHERE c.id = o.subject)";
    for (kind, is_so, expected) in [
        ("CardAddedToLibrary", is_there.to_owned(), FOLLOWERS),
        ("CardAddedToLibrary", format!("NOT {is_there}"), 0),
        ("CuratorFollowed", "TRUE".to_owned(), 1),
    ] {
        let events = format!("o.kind = '{kind}' AND {is_so}");
        let count = format!("SELECT COUNT(*) FROM outbox o WHERE {events}");
        promise.of += number(sql, &count).await? * expected;
        let query = format!(
            "SELECT {event}, COUNT(n.id) FROM outbox o
             LEFT JOIN notifications n ON n.event_id = o.event_id
             WHERE {events} GROUP BY o.event_id HAVING COUNT(n.id) <> {expected}"
        );
        for (event, times) in sql.counts(&query).await? {
            promise.broken.push(format!(
                "event {event} told {times} curators instead of {expected}"
            ));
        }
    }
    Ok(promise)
}

async fn counted(sql: &Sql) -> Result<Promise> {
    let query = "SELECT o.kind, o.happened - COALESCE(d.counted, 0) AS missing
         FROM (SELECT kind, COUNT(*) AS happened FROM outbox GROUP BY kind) o
         LEFT JOIN (SELECT kind, CAST(SUM(count) AS BIGINT) AS counted FROM daily_counts GROUP BY kind) d
         ON d.kind = o.kind WHERE o.happened <> COALESCE(d.counted, 0)";
    let wrong = sql.counts(query).await?;
    Ok(Promise {
        what: "each event is counted once",
        of: events(sql).await?,
        broken: wrong
            .into_iter()
            .map(|(kind, missing)| {
                let way = if missing > 0 {
                    "too seldom"
                } else {
                    "too often"
                };
                let by = missing.abs();
                format!("{kind} was counted {by} times {way}")
            })
            .collect(),
    })
}

async fn nothing_active(queues: &Queues) -> Result<Promise> {
    let mut broken = Vec::new();
    for (queue, left) in queues.left().await? {
        if left > 0 {
            broken.push(format!(
                "{left} jobs of `{queue}` are left, waiting or active"
            ));
        }
    }
    Ok(Promise {
        what: "nothing is left in a queue, `active` above all",
        of: Queues::NAMES.len() as u64,
        broken,
    })
}

async fn events(sql: &Sql) -> Result<u64> {
    number(sql, "SELECT COUNT(*) FROM outbox").await
}

async fn number(sql: &Sql, query: &str) -> Result<u64> {
    Ok(u64::try_from(sql.number(query).await?)?)
}

#[cfg(test)]
mod tests;
