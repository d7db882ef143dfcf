//! Clauses about cards and libraries.

use domain::cards::{Card, CardContent, CardId, CardTitle, Note};
use domain::curators::CuratorId;
use domain::{PageRequest, Position, StoreError};

use super::{
    Adapter, cards_with_ties, commit, first_page, newest_first, page_by_page, register, save,
};
use crate::builders::{self, NOW, at, card_with_note, card_with_url, link};

pub async fn keeps_a_card_as_it_was_saved(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let content = CardContent::Url {
        link: link("https://example.org/a?b=c#d"),
        title: Some(CardTitle::parse("A 'title' — \u{1f4da}").unwrap()),
        note: Some(Note::parse("two\nlines").unwrap()),
    };
    let cards = [
        Card::save(ada.id, content, NOW).0,
        card_with_url(&ada, "https://example.org/bare"),
        card_with_note(&ada, "a thought; with \"marks\""),
    ];
    save(store, &cards).await;
    for card in cards {
        assert_eq!(store.cards().by_id(card.id).await.unwrap(), Some(card));
    }
}

pub async fn misses_politely_what_was_never_saved(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let nothing = CardId::generate(NOW);
    let page = store
        .cards()
        .library(ada.id, PageRequest::default())
        .await
        .unwrap();

    assert_eq!(store.cards().by_id(nothing).await.unwrap(), None);
    let by_link = store
        .cards()
        .by_link(ada.id, &link("https://example.org/"))
        .await
        .unwrap();
    assert_eq!(by_link, None);
    assert_eq!((page.rows, page.next), (vec![], None));
}

pub async fn refuses_a_second_card_for_the_same_page(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let first = card_with_url(&ada, "https://example.org/#one");
    save(store, std::slice::from_ref(&first)).await;

    let mut unit = store.begin().await.unwrap();
    let refused = unit
        .cards()
        .add(&card_with_url(&ada, "https://example.org/#two"))
        .await;
    assert!(
        matches!(refused, Err(StoreError::Conflict("url"))),
        "{refused:?}"
    );
    unit.commit().await.unwrap();

    let link = link("https://example.org/#three");
    assert_eq!(
        store.cards().by_link(ada.id, &link).await.unwrap(),
        Some(first)
    );
}

pub async fn lets_two_curators_save_the_same_page(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let url = "https://example.org/";
    let cards = [card_with_url(&ada, url), card_with_url(&bob, url)];
    save(store, &cards).await;
    for card in cards {
        let found = store
            .cards()
            .by_link(card.curator, &link(url))
            .await
            .unwrap();
        assert_eq!(found, Some(card));
    }
}

pub async fn takes_any_number_of_notes(store: &dyn Adapter) {
    let [ada] = register(store).await;
    save(
        store,
        &[card_with_note(&ada, "same"), card_with_note(&ada, "same")],
    )
    .await;
    let page = store
        .cards()
        .library(ada.id, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.rows.len(), 2);
}

pub async fn takes_a_page_again_after_its_card_was_removed(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let first = card_with_url(&ada, "https://example.org/");
    let second = card_with_url(&ada, "https://example.org/");
    save(store, std::slice::from_ref(&first)).await;
    commit(store, async |unit| unit.cards().remove(first.id).await).await;
    save(store, std::slice::from_ref(&second)).await;
    assert_eq!(store.cards().by_id(first.id).await.unwrap(), None);
    assert_eq!(store.cards().by_id(second.id).await.unwrap(), Some(second));
}

pub async fn gives_a_card_to_its_owner_only(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let card = card_with_note(&ada, "mine");
    save(store, std::slice::from_ref(&card)).await;
    let owned = async |curator: CuratorId| {
        commit(store, async |unit| {
            unit.cards().owned(curator, card.id).await
        })
        .await
    };
    assert_eq!(owned(bob.id).await, None);
    assert_eq!(owned(ada.id).await, Some(card.clone()));
}

pub async fn removes_a_card_once(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let (card, other) = (card_with_note(&ada, "one"), card_with_note(&ada, "two"));
    save(store, &[card.clone(), other.clone()]).await;
    let remove = async || commit(store, async |unit| unit.cards().remove(card.id).await).await;
    assert!(remove().await);
    assert!(!remove().await);
    assert_eq!(store.cards().by_id(card.id).await.unwrap(), None);
    assert_eq!(store.cards().by_id(other.id).await.unwrap(), Some(other));
}

pub async fn lists_the_newest_cards_up_to_a_limit(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let cards = cards_with_ties(&ada);
    save(store, &cards).await;
    save(
        store,
        &[builders::saved_at(card_with_note(&bob, "later"), at(9))],
    )
    .await;
    let newest = commit(store, async |unit| unit.cards().newest(ada.id, 3).await).await;
    assert_eq!(newest, newest_first(cards)[..3]);
}

pub async fn names_everybody_who_saved_a_page_before(store: &dyn Adapter) {
    let [ada, bob, cyd, dan, eve] = register(store).await;
    let card = |curator, url, seconds| builders::saved_at(card_with_url(curator, url), at(seconds));
    let at_once = card(&dan, "https://example.org/", 3);
    save(
        store,
        &[
            card(&ada, "https://example.org/", 1),
            card(&bob, "https://example.org/#part", 2),
            card(&cyd, "https://example.org/other", 1),
            at_once.clone(),
            card(&eve, "https://example.org/", 4),
        ],
    )
    .await;
    let page = link("https://example.org/#elsewhere");
    let before = Position {
        at: at_once.saved_at,
        id: at_once.id.as_uuid(),
    };
    let mut savers = commit(store, async |unit| unit.cards().savers(&page, before).await).await;
    savers.sort();
    let mut expected = [ada.id, bob.id];
    expected.sort();
    assert_eq!(savers, expected);
}

pub async fn refuses_a_card_of_nobody(store: &dyn Adapter) {
    let nobody = builders::curator();
    let mut unit = store.begin().await.unwrap();
    let refused = unit.cards().add(&card_with_note(&nobody, "whose?")).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}

pub async fn pages_through_a_library_without_gaps(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let cards = cards_with_ties(&ada);
    save(store, &cards).await;
    let expected = newest_first(cards);
    for rows in [1, 2, 3, 8, 9] {
        let read = async |page| store.cards().library(ada.id, page).await;
        assert_eq!(
            page_by_page(rows, read).await,
            expected,
            "{rows} rows a page"
        );
    }
}

pub async fn keeps_a_page_in_place_while_cards_are_added(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let cards = cards_with_ties(&ada);
    save(store, &cards).await;
    let expected = newest_first(cards);

    let first = store.cards().library(ada.id, first_page(3)).await.unwrap();
    assert_eq!(first.rows, expected[..3]);
    assert_eq!(first.next, Some(expected[2].position()));

    save(
        store,
        &[builders::saved_at(card_with_note(&ada, "new"), at(9))],
    )
    .await;
    let rest = PageRequest {
        after: first.next,
        ..first_page(100)
    };
    assert_eq!(
        store.cards().library(ada.id, rest).await.unwrap().rows,
        expected[3..]
    );
}

pub async fn keeps_libraries_apart(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let card = card_with_note(&ada, "hers");
    save(store, &[card.clone(), card_with_note(&bob, "his")]).await;
    let page = store
        .cards()
        .library(ada.id, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.rows, [card]);
}
