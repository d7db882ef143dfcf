//! Clauses about notifications.

use domain::PageRequest;
use domain::cards::CardId;
use domain::curators::Curator;
use domain::notifications::{Notification, NotificationId, NotificationKind, NotificationView};

use super::{Adapter, commit, page_by_page, register, save};
use crate::builders::{NOW, at, card_with_note, notification};

async fn add(store: &dyn Adapter, notifications: &[Notification]) {
    commit(store, async |unit| {
        unit.notifications().add(notifications).await
    })
    .await;
}

async fn views(store: &dyn Adapter, recipient: &Curator) -> Vec<NotificationView> {
    store
        .notifications()
        .of(recipient.id, PageRequest::default())
        .await
        .unwrap()
        .rows
}

async fn unread(store: &dyn Adapter, recipient: &Curator) -> u64 {
    store.notifications().unread(recipient.id).await.unwrap()
}

async fn mark(store: &dyn Adapter, recipient: &Curator, ids: &[NotificationId], now: i64) -> u64 {
    commit(store, async |unit| {
        unit.notifications()
            .mark_read(recipient.id, ids, at(now))
            .await
    })
    .await
}

pub async fn shows_what_concerns_the_recipient(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    let card = card_with_note(&bob, "news");
    save(store, std::slice::from_ref(&card)).await;
    let follower = notification(&ada, &bob);
    let saved = Notification {
        kind: NotificationKind::FolloweeSaved,
        card: Some(card.id),
        occurred_at: at(1),
        ..notification(&ada, &bob)
    };
    add(
        store,
        &[follower.clone(), saved.clone(), notification(&cyd, &bob)],
    )
    .await;

    let expected = [
        NotificationView {
            id: saved.id,
            kind: NotificationKind::FolloweeSaved,
            actor: bob.clone(),
            card: Some(card),
            occurred_at: at(1),
            read_at: None,
        },
        NotificationView {
            id: follower.id,
            kind: NotificationKind::NewFollower,
            actor: bob.clone(),
            card: None,
            occurred_at: NOW,
            read_at: None,
        },
    ];
    assert_eq!(views(store, &ada).await, expected);
    assert_eq!(
        (unread(store, &ada).await, unread(store, &bob).await),
        (2, 0)
    );
}

pub async fn notifies_once_an_event_and_recipient(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    let first = notification(&ada, &cyd);
    let to_another = Notification {
        event: first.event,
        ..notification(&bob, &cyd)
    };
    let again = Notification {
        event: first.event,
        ..notification(&ada, &cyd)
    };
    add(store, std::slice::from_ref(&first)).await;
    add(store, &[again, to_another]).await;
    let ids: Vec<NotificationId> = views(store, &ada)
        .await
        .iter()
        .map(|view| view.id)
        .collect();
    assert_eq!(ids, [first.id]);
    assert_eq!(unread(store, &bob).await, 1);
}

pub async fn outlives_the_card_it_is_about(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let card = card_with_note(&bob, "news");
    save(store, std::slice::from_ref(&card)).await;
    let about = |card: CardId| Notification {
        kind: NotificationKind::FolloweeSaved,
        card: Some(card),
        ..notification(&ada, &bob)
    };
    add(store, &[about(card.id)]).await;
    commit(store, async |unit| unit.cards().remove(card.id).await).await;
    // Handled after the removal.
    add(store, &[about(card.id)]).await;
    let cards: Vec<_> = views(store, &ada)
        .await
        .into_iter()
        .map(|view| view.card)
        .collect();
    assert_eq!(cards, [None, None]);
}

pub async fn marks_what_is_the_recipients_own(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let (hers, other, his) = (
        notification(&ada, &bob),
        notification(&ada, &bob),
        notification(&bob, &ada),
    );
    add(store, &[hers.clone(), other, his.clone()]).await;
    let ids = [hers.id, his.id, NotificationId::generate(NOW)];
    assert_eq!(mark(store, &ada, &ids, 1).await, 1);
    assert_eq!(
        (unread(store, &ada).await, unread(store, &bob).await),
        (1, 1)
    );
    let read = views(store, &ada)
        .await
        .into_iter()
        .find(|view| view.id == hers.id);
    assert_eq!(read.unwrap().read_at, Some(at(1)));
}

pub async fn marks_a_notification_once(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let notification = notification(&ada, &bob);
    add(store, std::slice::from_ref(&notification)).await;
    assert_eq!(mark(store, &ada, &[notification.id], 1).await, 1);
    assert_eq!(
        mark(store, &ada, &[notification.id, notification.id], 2).await,
        0
    );
    // A late repetition of the event doesn't make it unread.
    add(store, std::slice::from_ref(&notification)).await;
    assert_eq!(views(store, &ada).await[0].read_at, Some(at(1)));
}

pub async fn marks_everything_up_to_a_moment(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let occurred = |recipient: &Curator, second| Notification {
        occurred_at: at(second),
        ..notification(recipient, &ada)
    };
    add(
        store,
        &[
            occurred(&bob, 1),
            occurred(&bob, 2),
            occurred(&bob, 3),
            occurred(&ada, 1),
        ],
    )
    .await;
    let mark = async || {
        commit(store, async |unit| {
            unit.notifications()
                .mark_read_before(bob.id, at(2), at(9))
                .await
        })
        .await
    };
    assert_eq!(mark().await, 2);
    assert_eq!(mark().await, 0);
    let read: Vec<_> = views(store, &bob)
        .await
        .into_iter()
        .map(|view| view.read_at)
        .collect();
    assert_eq!(read, [None, Some(at(9)), Some(at(9))]);
    assert_eq!(
        (unread(store, &bob).await, unread(store, &ada).await),
        (1, 1)
    );
}

pub async fn pages_through_notifications_without_gaps(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let notifications = [2, 1, 1, 1, 0].map(|second| Notification {
        occurred_at: at(second),
        ..notification(&ada, &bob)
    });
    add(store, &notifications).await;
    let mut expected: Vec<_> = notifications
        .iter()
        .map(|notification| (notification.occurred_at, notification.id))
        .collect();
    expected.sort_by_key(|row| std::cmp::Reverse(*row));
    for rows in [1, 2, 5, 6] {
        let read = async |page| store.notifications().of(ada.id, page).await;
        let views = page_by_page(rows, read).await;
        let shown: Vec<_> = views
            .iter()
            .map(|view| (view.occurred_at, view.id))
            .collect();
        assert_eq!(shown, expected, "{rows} rows a page");
    }
}
