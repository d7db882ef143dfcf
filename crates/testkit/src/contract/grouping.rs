//! Clauses about bursts, which are one notification each, and about what is taken back.

use domain::curators::{Curator, Follow};
use domain::notifications::{Entry, EntryView, GroupKey, NotificationId, NotificationKind};

use super::notifications::{
    GROUPING, add, entries_of, followed, mark, retract_card, saved, unread, views,
};
use super::{Adapter, commit, follow, register, save};
use crate::builders::{NOW, at, card_added, card_with_note, card_with_url};

/// How many entries each notification has, and how many others there are, newest first.
async fn sizes(store: &dyn Adapter, recipient: &Curator) -> Vec<(u64, u64)> {
    let views = views(store, recipient).await.into_iter();
    views.map(|view| (view.count, view.others)).collect()
}

pub async fn gathers_a_burst_in_one_notification(store: &dyn Adapter) {
    let [ada, bob, cyd, dan] = register(store).await;
    let card = card_with_note(&dan, "news");
    save(store, std::slice::from_ref(&card)).await;
    let burst = [
        saved(&ada, &card_with_note(&bob, "gone"), 0),
        saved(&ada, &card_with_note(&cyd, "gone"), 9),
        saved(&ada, &card_with_note(&bob, "gone"), 9),
        saved(&ada, &card, 19),
    ];
    add(store, &burst[..1]).await;
    add(store, &burst[1..]).await;

    let [view] = views(store, &ada).await.try_into().unwrap();
    assert_eq!(view.id, burst[0].opens());
    assert_eq!((view.count, view.others), (4, 2));
    assert_eq!(view.since, at(0));
    let newest = EntryView {
        id: burst[3].id,
        actor: dan,
        card: Some(card),
        occurred_at: at(19),
    };
    assert_eq!(view.newest, newest);
    assert_eq!(unread(store, &ada).await, 1);
    let ids: Vec<_> = entries_of(store, &ada, view.id)
        .await
        .iter()
        .map(|entry| entry.id)
        .collect();
    let mut expected = burst.to_vec();
    expected.sort_by_key(|entry| std::cmp::Reverse(entry.position()));
    assert_eq!(
        ids,
        expected.iter().map(|entry| entry.id).collect::<Vec<_>>()
    );
    assert_eq!(entries_of(store, &bob, view.id).await, [], "it is not his");
    assert_eq!(
        entries_of(store, &ada, NotificationId::generate(NOW)).await,
        []
    );
}

pub async fn tells_recipients_kinds_and_matters_apart(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    let same_url = |address: &str| {
        let card = card_with_url(&cyd, address);
        Entry {
            kind: NotificationKind::SameUrlSaved,
            key: GroupKey::of(NotificationKind::SameUrlSaved, &card_added(&card)),
            ..saved(&ada, &card, 0)
        }
    };
    let (one, other) = ("https://example.org/1", "https://example.org/2");
    add(
        store,
        &[
            followed(&ada, &bob, 0),
            followed(&cyd, &bob, 0),
            saved(&ada, &card_with_note(&cyd, "gone"), 0),
            same_url(one),
            same_url(other),
            same_url(one),
        ],
    )
    .await;
    let mut sizes = sizes(store, &ada).await;
    sizes.sort_unstable();
    assert_eq!(sizes, [(1, 0), (1, 0), (1, 0), (2, 0)]);
    assert_eq!(views(store, &cyd).await.len(), 1);
}

pub async fn opens_another_when_the_window_has_passed(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    for (actor, second) in [(&bob, 0), (&cyd, 10), (&bob, 21), (&cyd, 22)] {
        add(store, &[followed(&ada, actor, second)]).await;
    }
    assert_eq!(sizes(store, &ada).await, [(2, 1), (2, 1)]);
    // However steadily they come, there is a new one each minute.
    for second in (100..=180).step_by(10) {
        add(store, &[followed(&ada, &bob, second)]).await;
    }
    let counts: Vec<_> = sizes(store, &ada).await.iter().map(|size| size.0).collect();
    assert_eq!(counts, [2, 7, 2, 2]);
}

pub async fn puts_what_comes_late_where_it_belongs(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    for second in [100, 50, 55, 95, 91] {
        add(store, &[followed(&ada, &bob, second)]).await;
    }
    add(store, &[followed(&ada, &cyd, 45)]).await;
    let shown: Vec<_> = views(store, &ada)
        .await
        .into_iter()
        .map(|view| {
            (
                view.since,
                view.newest.occurred_at,
                view.count,
                view.newest.actor.id,
            )
        })
        .collect();
    let expected = [(at(91), at(100), 3, bob.id), (at(45), at(55), 3, bob.id)];
    assert_eq!(shown, expected);
}

pub async fn adds_nothing_to_what_was_read(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    let first = followed(&ada, &bob, 0);
    add(store, &[first.clone(), followed(&ada, &cyd, 1)]).await;
    assert_eq!(mark(store, &ada, &[first.opens()], 2).await, 1);
    add(store, &[followed(&ada, &bob, 3)]).await;
    let read: Vec<_> = views(store, &ada)
        .await
        .into_iter()
        .map(|view| (view.count, view.read_at))
        .collect();
    assert_eq!(read, [(1, None), (2, Some(at(2)))]);
}

pub async fn opens_one_when_two_are_added_at_once(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    for round in 0..10 {
        let second = round * 1000;
        let one = [followed(&ada, &bob, second), followed(&bob, &cyd, second)];
        let other = [followed(&ada, &cyd, second), followed(&bob, &ada, second)];
        tokio::join!(add(store, &one), add(store, &other));
    }
    for recipient in [&ada, &bob] {
        assert_eq!(sizes(store, recipient).await, [(2, 1); 10]);
    }
}

pub async fn takes_back_what_nobody_has_read_about_a_card(store: &dyn Adapter) {
    let [ada, bob, cyd, dan] = register(store).await;
    let [gone, kept] = ["gone", "kept"].map(|text| card_with_note(&bob, text));
    save(store, &[gone.clone(), kept.clone()]).await;
    let opening = saved(&ada, &gone, 0);
    let read = saved(&dan, &gone, 0);
    let entries = [
        opening.clone(),
        saved(&cyd, &gone, 0),
        read.clone(),
        saved(&ada, &kept, 1),
    ];
    add(store, &entries).await;
    mark(store, &dan, &[read.opens()], 1).await;
    assert_eq!(retract_card(store, gone.id).await, 2);
    assert_eq!(retract_card(store, gone.id).await, 0);
    assert_eq!(views(store, &cyd).await, []);
    assert_eq!(unread(store, &cyd).await, 0);
    assert_eq!(views(store, &dan).await.len(), 1);
    // What is left is the same notification, even without the entry that began it.
    let [view] = views(store, &ada).await.try_into().unwrap();
    assert_eq!((view.id, view.count), (opening.opens(), 1));
    add(store, &[saved(&ada, &kept, 2)]).await;
    assert_eq!(sizes(store, &ada).await, [(2, 0)]);
}

pub async fn takes_back_follows_that_have_ended(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    add(store, &[followed(&ada, &bob, 0), followed(&ada, &cyd, 1)]).await;
    let again = followed(&ada, &bob, 5);
    add(store, std::slice::from_ref(&again)).await;
    add(store, &[saved(&ada, &card_with_note(&bob, "gone"), 1)]).await;
    let since = Follow {
        follower: bob.id,
        followee: ada.id,
        since: at(5),
    };
    let retract = async |follower: &Curator| {
        commit(store, async |unit| {
            let notifications = unit.notifications();
            notifications.retract_follows(follower.id, ada.id).await
        })
        .await
    };
    commit(store, async |unit| unit.curators().follow(&since).await).await;
    assert_eq!(retract(&bob).await, 1, "he follows her again");
    commit(store, async |unit| {
        unit.curators().unfollow(bob.id, ada.id).await
    })
    .await;
    assert_eq!(retract(&bob).await, 1);
    assert_eq!(retract(&bob).await, 0);
    let shown: Vec<_> = views(store, &ada)
        .await
        .into_iter()
        .map(|view| (view.kind, view.count, view.newest.actor.id))
        .collect();
    let cyds = (NotificationKind::NewFollower, 1, cyd.id);
    let bobs = (NotificationKind::FolloweeSaved, 1, bob.id);
    assert!(shown.len() == 2 && shown.contains(&cyds) && shown.contains(&bobs));
    let now = commit(store, async |unit| {
        unit.notifications()
            .mark_read_before(ada.id, at(9), at(9))
            .await
    });
    assert_eq!(now.await, 2);
    assert_eq!(retract(&cyd).await, 0, "it was read");
}

pub async fn keeps_a_follow_from_ending_while_it_is_told(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    follow(store, &bob, &ada).await;
    let found = commit(store, async |unit| {
        unit.curators().following(bob.id, ada.id).await
    });
    let expected = Follow {
        follower: bob.id,
        followee: ada.id,
        since: NOW,
    };
    assert_eq!(found.await, Some(expected));
    let missing = commit(store, async |unit| {
        unit.curators().following(ada.id, bob.id).await
    });
    assert_eq!(missing.await, None);

    let mut telling = store.begin().await.unwrap();
    let found = telling.curators().following(bob.id, ada.id).await.unwrap();
    assert!(found.is_some());
    let ending = commit(store, async |unit| {
        unit.curators().unfollow(bob.id, ada.id).await?;
        unit.notifications().retract_follows(bob.id, ada.id).await
    });
    let tell = async {
        let entries = [followed(&ada, &bob, 0)];
        telling
            .notifications()
            .add(&entries, GROUPING)
            .await
            .unwrap();
        telling.commit().await.unwrap();
    };
    let (taken, ()) = tokio::join!(ending, tell);
    assert_eq!((taken, unread(store, &ada).await), (1, 0));
}

pub async fn keeps_a_card_from_being_removed_while_it_is_told(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let card = card_with_note(&bob, "news");
    save(store, std::slice::from_ref(&card)).await;
    let mut telling = store.begin().await.unwrap();
    assert!(telling.cards().exists(card.id).await.unwrap());
    let removing = commit(store, async |unit| {
        unit.cards().remove(card.id).await?;
        unit.notifications().retract_card(card.id).await
    });
    let tell = async {
        let entries = [saved(&ada, &card, 0)];
        telling
            .notifications()
            .add(&entries, GROUPING)
            .await
            .unwrap();
        telling.commit().await.unwrap();
    };
    let (taken, ()) = tokio::join!(removing, tell);
    assert_eq!((taken, unread(store, &ada).await), (1, 0));
    let exists = commit(store, async |unit| unit.cards().exists(card.id).await);
    assert!(!exists.await);
}
