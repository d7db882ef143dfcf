//! Clauses about notifications.

use std::time::Duration;

use domain::PageRequest;
use domain::cards::{Card, CardId};
use domain::curators::Curator;
use domain::notifications::{
    Entry, EntryId, EntryView, Grouping, NotificationId, NotificationKind, NotificationView,
};

use super::{Adapter, commit, page_by_page, register, save};
use crate::builders::{NOW, at, card_with_note, entry};

pub(super) const GROUPING: Grouping = Grouping {
    window: Duration::from_secs(10),
    max_age: Duration::from_mins(1),
};

pub(super) async fn add(store: &dyn Adapter, entries: &[Entry]) -> u64 {
    commit(store, async |unit| {
        unit.notifications().add(entries, GROUPING).await
    })
    .await
}

pub(super) async fn views(store: &dyn Adapter, recipient: &Curator) -> Vec<NotificationView> {
    let page = store
        .notifications()
        .of(recipient.id, PageRequest::default());
    page.await.unwrap().rows
}

pub(super) async fn entries_of(
    store: &dyn Adapter,
    recipient: &Curator,
    notification: NotificationId,
) -> Vec<EntryView> {
    let notifications = store.notifications();
    let page = notifications.entries(recipient.id, notification, PageRequest::default());
    page.await.unwrap().rows
}

pub(super) async fn unread(store: &dyn Adapter, recipient: &Curator) -> u64 {
    store.notifications().unread(recipient.id).await.unwrap()
}

pub(super) async fn mark(
    store: &dyn Adapter,
    recipient: &Curator,
    ids: &[NotificationId],
    now: i64,
) -> u64 {
    commit(store, async |unit| {
        unit.notifications()
            .mark_read(recipient.id, ids, at(now))
            .await
    })
    .await
}

/// A new follower, so many seconds after [`NOW`].
pub(super) fn followed(recipient: &Curator, actor: &Curator, second: i64) -> Entry {
    Entry {
        occurred_at: at(second),
        ..entry(recipient, actor)
    }
}

/// Entries that are far enough from each other to be a notification each.
fn apart<const N: usize>(recipient: &Curator, actor: &Curator) -> [Entry; N] {
    let mut seconds = (0..).step_by(100);
    std::array::from_fn(|_| followed(recipient, actor, seconds.next().unwrap()))
}

/// Somebody who is followed saved this card.
pub(super) fn saved(recipient: &Curator, card: &Card, second: i64) -> Entry {
    Entry {
        id: EntryId::generate(NOW),
        kind: NotificationKind::FolloweeSaved,
        actor: card.curator,
        card: Some(card.id),
        occurred_at: at(second),
        ..entry(recipient, recipient)
    }
}

pub async fn shows_what_concerns_the_recipient(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    let card = card_with_note(&bob, "news");
    save(store, std::slice::from_ref(&card)).await;
    let follower = followed(&ada, &bob, 0);
    let news = saved(&ada, &card, 1);
    let other = followed(&cyd, &bob, 0);
    assert_eq!(
        add(store, &[follower.clone(), news.clone(), other]).await,
        3
    );

    let alone = |entry: &Entry, card| NotificationView {
        id: entry.opens(),
        kind: entry.kind,
        newest: EntryView {
            id: entry.id,
            actor: bob.clone(),
            card,
            occurred_at: entry.occurred_at,
        },
        since: entry.occurred_at,
        count: 1,
        others: 0,
        read_at: None,
    };
    let expected = [alone(&news, Some(card)), alone(&follower, None)];
    assert_eq!(views(store, &ada).await, expected);
    assert_eq!(
        (unread(store, &ada).await, unread(store, &bob).await),
        (2, 0)
    );
}

pub async fn notifies_once_an_event_and_recipient(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    let first = followed(&ada, &cyd, 0);
    let to_another = Entry {
        event: first.event,
        ..entry(&bob, &cyd)
    };
    let again = Entry {
        event: first.event,
        ..entry(&ada, &cyd)
    };
    assert_eq!(add(store, std::slice::from_ref(&first)).await, 1);
    assert_eq!(add(store, &[again.clone(), to_another]).await, 1);
    assert_eq!(add(store, &[again.clone(), again]).await, 0);
    let shown = views(store, &ada).await;
    assert_eq!(
        (shown[0].id, shown.len(), shown[0].count),
        (first.opens(), 1, 1)
    );
    assert_eq!(unread(store, &bob).await, 1);
}

pub async fn outlives_the_card_it_is_about(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let card = card_with_note(&bob, "news");
    save(store, std::slice::from_ref(&card)).await;
    let about = saved(&ada, &card, 0);
    add(store, std::slice::from_ref(&about)).await;
    mark(store, &ada, &[about.opens()], 1).await;
    commit(store, async |unit| unit.cards().remove(card.id).await).await;
    assert_eq!(retract_card(store, card.id).await, 0, "it was read");
    let [view] = views(store, &ada).await.try_into().unwrap();
    assert_eq!((view.count, view.newest.card), (1, None));
}

pub(super) async fn retract_card(store: &dyn Adapter, card: CardId) -> u64 {
    commit(store, async |unit| {
        unit.notifications().retract_card(card).await
    })
    .await
}

pub async fn marks_what_is_the_recipients_own(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let [hers, other] = apart(&ada, &bob);
    let his = followed(&bob, &ada, 0);
    add(store, &[hers.clone(), other, his.clone()]).await;
    let ids = [hers.opens(), his.opens(), NotificationId::generate(NOW)];
    assert_eq!(mark(store, &ada, &ids, 1).await, 1);
    assert_eq!(
        (unread(store, &ada).await, unread(store, &bob).await),
        (1, 1)
    );
    let read = views(store, &ada)
        .await
        .into_iter()
        .find(|view| view.id == hers.opens());
    assert_eq!(read.unwrap().read_at, Some(at(1)));
}

pub async fn marks_a_notification_once(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let [first, second] = [0, 1].map(|second| followed(&ada, &bob, second));
    add(store, &[first.clone(), second.clone()]).await;
    assert_eq!(mark(store, &ada, &[first.opens()], 1).await, 1);
    let again = [first.opens(), first.opens(), second.opens()];
    assert_eq!(mark(store, &ada, &again, 2).await, 0);
    // A late repetition of the event doesn't make it unread.
    add(store, std::slice::from_ref(&first)).await;
    let [view] = views(store, &ada).await.try_into().unwrap();
    assert_eq!((view.read_at, view.count), (Some(at(1)), 2));
}

pub async fn marks_a_notification_by_any_of_its_entries(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let [first, second, third] = [0, 1, 2].map(|second| followed(&ada, &bob, second));
    add(store, &[first, second.clone(), third]).await;
    assert_eq!(mark(store, &bob, &[second.opens()], 1).await, 0);
    assert_eq!(mark(store, &ada, &[second.opens()], 1).await, 1);
    assert_eq!(unread(store, &ada).await, 0);
}

pub async fn marks_everything_up_to_a_moment(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let [first, second, third] = apart(&bob, &ada);
    let [other] = apart(&ada, &bob);
    let grown = followed(&bob, &ada, 105);
    add(store, &[first, second, third, other, grown]).await;
    let mark = async |before| {
        commit(store, async |unit| {
            unit.notifications()
                .mark_read_before(bob.id, at(before), at(999))
                .await
        })
        .await
    };
    // The second one has grown since.
    assert_eq!(mark(100).await, 1);
    assert_eq!(mark(105).await, 1);
    assert_eq!(mark(105).await, 0);
    let read: Vec<_> = views(store, &bob)
        .await
        .into_iter()
        .map(|view| (view.count, view.read_at))
        .collect();
    assert_eq!(read, [(1, None), (2, Some(at(999))), (1, Some(at(999)))]);
    assert_eq!(
        (unread(store, &bob).await, unread(store, &ada).await),
        (1, 1)
    );
}

pub async fn pages_through_notifications_without_gaps(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let kinds = NotificationKind::ALL;
    let entries = [(2, 0), (1, 0), (1, 1), (1, 2), (0, 0)].map(|(minute, kind)| Entry {
        kind: kinds[kind],
        ..followed(&ada, &bob, minute * 60)
    });
    add(store, &entries).await;
    // One that has grown stands where its newest entry does.
    let grown = Entry {
        kind: kinds[2],
        ..followed(&ada, &bob, 61)
    };
    add(store, std::slice::from_ref(&grown)).await;
    let mut expected: Vec<_> = entries
        .iter()
        .map(|entry| (entry.position(), entry.opens()))
        .collect();
    expected[3].0 = grown.position();
    expected.sort_by_key(|(position, _)| std::cmp::Reverse(*position));
    for rows in [1, 2, 5, 6] {
        let read = async |page| store.notifications().of(ada.id, page).await;
        let views = page_by_page(rows, read).await;
        let shown: Vec<_> = views
            .iter()
            .map(|view| (view.position(), view.id))
            .collect();
        assert_eq!(shown, expected, "{rows} rows a page");
    }
}

pub async fn pages_through_entries_without_gaps(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let mut entries = [2, 1, 1, 1, 0].map(|second| followed(&ada, &bob, second));
    add(store, &entries).await;
    let [view] = views(store, &ada).await.try_into().unwrap();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.position()));
    let expected: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    for rows in [1, 2, 5, 6] {
        let read = async |page| store.notifications().entries(ada.id, view.id, page).await;
        let shown = page_by_page(rows, read).await;
        let ids: Vec<_> = shown.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, expected, "{rows} rows a page");
    }
}
