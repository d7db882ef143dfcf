//! Clauses about home feeds.

use domain::cards::{Card, CardId};
use domain::curators::Curator;
use domain::feeds::{FanOut, FeedEntry, FeedItem};
use domain::{PageRequest, StoreError};

use super::{
    Adapter, cards_with_ties, commit, follow, followers, newest_first, page_by_page, register, save,
};
use crate::builders::{at, card_with_note, saved_at};

async fn fan_out(store: &dyn Adapter, card: &Card) -> u64 {
    let fan_out = commit(store, async |unit| {
        unit.feeds()
            .fan_out(&card.into(), followers(None, 100))
            .await
    });
    fan_out.await.added
}

async fn backfill(store: &dyn Adapter, reader: &Curator, cards: &[Card]) -> u64 {
    let entries: Vec<FeedEntry> = cards.iter().map(FeedEntry::from).collect();
    commit(store, async |unit| {
        unit.feeds().backfill(reader.id, &entries).await
    })
    .await
}

async fn retract_author(store: &dyn Adapter, reader: &Curator, author: &Curator) -> u64 {
    commit(store, async |unit| {
        unit.feeds().retract_author(reader.id, author.id).await
    })
    .await
}

async fn remove(store: &dyn Adapter, card: &Card) {
    assert!(commit(store, async |unit| unit.cards().remove(card.id).await).await);
}

async fn unfollow(store: &dyn Adapter, follower: &Curator, followee: &Curator) {
    let ended = async |unit: &mut dyn domain::UnitOfWork| -> Result<bool, StoreError> {
        unit.curators().unfollow(follower.id, followee.id).await
    };
    assert!(commit(store, ended).await);
}

async fn home(store: &dyn Adapter, reader: &Curator) -> Vec<CardId> {
    let page = store
        .feeds()
        .home(reader.id, PageRequest::default())
        .await
        .unwrap();
    page.rows.into_iter().map(|item| item.card.id).collect()
}

pub async fn fans_out_to_the_followers_and_to_nobody_else(store: &dyn Adapter) {
    let [ada, bob, cyd, dan] = register(store).await;
    follow(store, &bob, &ada).await;
    follow(store, &cyd, &ada).await;
    follow(store, &ada, &dan).await;
    let card = card_with_note(&ada, "news");
    save(store, std::slice::from_ref(&card)).await;

    assert_eq!(fan_out(store, &card).await, 2);
    let expected = FeedItem {
        card: card.clone(),
        author: ada.clone(),
    };
    for reader in [&bob, &cyd] {
        let page = store
            .feeds()
            .home(reader.id, PageRequest::default())
            .await
            .unwrap();
        assert_eq!(page.rows, std::slice::from_ref(&expected));
    }
    for reader in [&ada, &dan] {
        assert_eq!(home(store, reader).await, []);
    }
}

pub async fn fans_out_chunk_by_chunk(store: &dyn Adapter) {
    let curators = register::<6>(store).await;
    let ([ada], readers) = curators.split_at(1) else {
        panic!("there is nobody");
    };
    for reader in readers {
        follow(store, reader, ada).await;
    }
    let card = card_with_note(ada, "news");
    save(store, std::slice::from_ref(&card)).await;
    let mut ids: Vec<_> = readers.iter().map(|reader| reader.id).collect();
    ids.sort();
    let part = async |after| {
        commit(store, async |unit| {
            unit.feeds()
                .fan_out(&(&card).into(), followers(after, 2))
                .await
        })
        .await
    };
    let full = |added, end| FanOut {
        added,
        end: Some(end),
    };
    assert_eq!(part(None).await, full(2, ids[1]));
    let reached = async |id| {
        let page = store.feeds().home(id, PageRequest::default()).await;
        !page.unwrap().rows.is_empty()
    };
    assert!(reached(ids[1]).await && !reached(ids[2]).await);
    assert_eq!(part(None).await, full(0, ids[1]), "once more");
    assert_eq!(part(Some(ids[1])).await, full(2, ids[3]));
    let last = FanOut {
        added: 1,
        end: None,
    };
    assert_eq!(part(Some(ids[3])).await, last);
    for id in ids {
        assert!(reached(id).await);
    }
}

pub async fn fans_out_once(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    follow(store, &bob, &ada).await;
    let card = card_with_note(&ada, "news");
    save(store, std::slice::from_ref(&card)).await;
    assert_eq!(fan_out(store, &card).await, 1);
    assert_eq!(fan_out(store, &card).await, 0);
    follow(store, &cyd, &ada).await;
    assert_eq!(fan_out(store, &card).await, 1);
    assert_eq!(home(store, &bob).await, [card.id]);
}

pub async fn fans_out_nothing_after_the_card_was_removed(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    follow(store, &bob, &ada).await;
    let card = card_with_note(&ada, "gone");
    save(store, std::slice::from_ref(&card)).await;
    remove(store, &card).await;
    assert_eq!(fan_out(store, &card).await, 0);
    let retracted = commit(store, async |unit| unit.feeds().retract_card(card.id).await).await;
    assert_eq!(retracted, 0);
}

pub async fn backfills_a_follower(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    follow(store, &bob, &ada).await;
    follow(store, &cyd, &ada).await;
    let cards = newest_first(cards_with_ties(&ada));
    save(store, &cards).await;
    assert_eq!(backfill(store, &bob, &cards[..3]).await, 3);
    let expected: Vec<CardId> = cards[..3].iter().map(|card| card.id).collect();
    assert_eq!(home(store, &bob).await, expected);
    assert_eq!(home(store, &cyd).await, []);
}

pub async fn backfills_once(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    follow(store, &bob, &ada).await;
    let cards = [card_with_note(&ada, "old"), card_with_note(&ada, "new")];
    save(store, &cards).await;
    assert_eq!(fan_out(store, &cards[1]).await, 1);
    assert_eq!(backfill(store, &bob, &cards).await, 1);
    assert_eq!(backfill(store, &bob, &cards).await, 0);
    assert_eq!(home(store, &bob).await.len(), 2);
}

pub async fn backfills_nothing_after_the_follow_ended(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    follow(store, &bob, &ada).await;
    let card = card_with_note(&ada, "old");
    save(store, std::slice::from_ref(&card)).await;
    unfollow(store, &bob, &ada).await;
    assert_eq!(backfill(store, &bob, std::slice::from_ref(&card)).await, 0);
    assert_eq!(home(store, &bob).await, []);
}

pub async fn hides_a_removed_card_before_it_is_retracted(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    follow(store, &bob, &ada).await;
    let cards = [card_with_note(&ada, "stays"), card_with_note(&ada, "goes")];
    save(store, &cards).await;
    for card in &cards {
        fan_out(store, card).await;
    }
    remove(store, &cards[1]).await;
    assert_eq!(home(store, &bob).await, [cards[0].id]);
}

pub async fn retracts_a_card_from_every_feed(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    follow(store, &bob, &ada).await;
    follow(store, &cyd, &ada).await;
    let cards = [card_with_note(&ada, "stays"), card_with_note(&ada, "goes")];
    save(store, &cards).await;
    for card in &cards {
        fan_out(store, card).await;
    }
    let retract = async || {
        commit(store, async |unit| {
            unit.feeds().retract_card(cards[1].id).await
        })
        .await
    };
    assert_eq!(retract().await, 2);
    assert_eq!(retract().await, 0);
    assert_eq!(home(store, &bob).await, [cards[0].id]);
}

pub async fn retracts_an_author_who_is_not_followed_any_more(store: &dyn Adapter) {
    let [ada, bob, cyd, dan] = register(store).await;
    for (reader, author) in [(&cyd, &ada), (&cyd, &bob), (&dan, &ada)] {
        follow(store, reader, author).await;
    }
    let (hers, his) = (card_with_note(&ada, "hers"), card_with_note(&bob, "his"));
    save(store, &[hers.clone(), his.clone()]).await;
    fan_out(store, &hers).await;
    fan_out(store, &his).await;

    unfollow(store, &cyd, &ada).await;
    assert_eq!(retract_author(store, &cyd, &ada).await, 1);
    assert_eq!(retract_author(store, &cyd, &ada).await, 0);
    assert_eq!(home(store, &cyd).await, [his.id]);
    assert_eq!(home(store, &dan).await, [hers.id]);
}

pub async fn keeps_an_author_who_is_followed_again(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    follow(store, &bob, &ada).await;
    let card = card_with_note(&ada, "news");
    save(store, std::slice::from_ref(&card)).await;
    fan_out(store, &card).await;
    unfollow(store, &bob, &ada).await;
    follow(store, &bob, &ada).await;
    assert_eq!(retract_author(store, &bob, &ada).await, 0);
    assert_eq!(home(store, &bob).await, [card.id]);
}

pub async fn orders_by_time_saved_not_by_time_added(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    follow(store, &bob, &ada).await;
    let old = saved_at(card_with_note(&ada, "old"), at(1));
    let new = saved_at(card_with_note(&ada, "new"), at(2));
    save(store, &[new.clone(), old.clone()]).await;
    fan_out(store, &new).await;
    fan_out(store, &old).await;
    assert_eq!(home(store, &bob).await, [new.id, old.id]);
}

pub async fn pages_through_a_feed_without_gaps(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    follow(store, &cyd, &ada).await;
    follow(store, &cyd, &bob).await;
    let cards = [cards_with_ties(&ada), cards_with_ties(&bob)].concat();
    save(store, &cards).await;
    for card in &cards {
        fan_out(store, card).await;
    }
    // A page must be full although entries of removed cards stand between its rows.
    let removed = [1, 5, 12].map(|place| newest_first(cards.clone())[place].clone());
    for card in &removed {
        remove(store, card).await;
    }
    let mut expected = newest_first(cards);
    expected.retain(|card| !removed.contains(card));
    for rows in [1, 3, 13, 14] {
        let items = page_by_page(rows, async |page| store.feeds().home(cyd.id, page).await).await;
        let cards: Vec<Card> = items.into_iter().map(|item| item.card).collect();
        assert_eq!(cards, expected, "{rows} rows a page");
    }
}
