//! Saving URLs and notes, and taking them back.

use application::cards::CardError;
use domain::DomainEvent;
use domain::EventKind::{CardAddedToLibrary as Added, CardRemovedFromLibrary as Removed};
use domain::PageRequest;
use domain::cards::events::{CardAddedToLibrary, CardRemovedFromLibrary, SavedContent};
use domain::cards::{CardContent, CardId, CardTitle, Note};
use testkit::builders::{NOW, at, link, origin};

use crate::support::{App, traced, url};

#[tokio::test]
async fn saving_a_url_tells_the_url_and_its_title_and_nothing_of_the_note() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    app.clock.set(at(3));
    let title = Some(CardTitle::parse("Notes on the engine").unwrap());
    let content = CardContent::Url {
        link: link("https://example.org/engine"),
        title: title.clone(),
        note: Some(Note::parse("for a friend's eyes only").unwrap()),
    };
    let origin = traced();
    let saved = app.cards.save(ada.id, content.clone(), origin.clone());
    let card = saved.await.unwrap();
    assert_eq!((card.curator, card.saved_at), (ada.id, at(3)));
    assert_eq!(card.content, content);
    assert_eq!(app.cards.find(card.id).await.unwrap(), card);

    let event = app.last_envelope();
    let added = CardAddedToLibrary {
        card_id: card.id,
        curator_id: ada.id,
        content: SavedContent::Url {
            url: link("https://example.org/engine"),
            title,
        },
    };
    assert_eq!(event.event, DomainEvent::from(added));
    assert_eq!((event.occurred_at, &event.origin), (at(3), &origin));
    assert!(!event.to_json().contains("friend"));
}

#[tokio::test]
async fn saving_a_note_does_not_tell_its_text() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let note = CardContent::Note(Note::parse("a thought").unwrap());
    let card = app
        .cards
        .save(ada.id, note.clone(), origin())
        .await
        .unwrap();
    assert_eq!(app.cards.find(card.id).await.unwrap().content, note);
    assert!(!app.last_envelope().to_json().contains("thought"));
    // The same thought may come twice.
    let again = app.cards.save(ada.id, note, origin()).await.unwrap();
    assert_ne!(again.id, card.id);
}

#[tokio::test]
async fn a_url_in_the_library_is_refused_with_the_card_that_holds_it() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    let card = app.save(&ada, "https://example.org/a").await;
    // The fragment does not make it another page.
    for address in ["https://example.org/a", "https://example.org/a#b"] {
        let refused = app.cards.save(ada.id, url(address), origin()).await;
        assert!(
            matches!(refused, Err(CardError::AlreadySaved(id)) if id == card.id),
            "{refused:?}"
        );
    }
    assert_eq!(app.kinds()[2..], [Added]);
    let library = app.cards.library(ada.id, PageRequest::default()).await;
    assert_eq!(library.unwrap().rows, [card]);
    // It is another curator's to save.
    app.save(&bob, "https://example.org/a").await;
    assert_eq!(app.kinds()[2..], [Added, Added]);
}

#[tokio::test]
async fn a_card_and_its_event_are_committed_together() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    app.store.fail_next_commit();
    let content = url("https://example.org/");
    let failed = app.cards.save(ada.id, content, origin()).await;
    assert!(matches!(failed, Err(CardError::Store(_))), "{failed:?}");
    let library = app.cards.library(ada.id, PageRequest::default()).await;
    assert_eq!(library.unwrap().rows, []);

    let card = app.save(&ada, "https://example.org/").await;
    app.store.fail_next_commit();
    let failed = app.cards.remove(ada.id, card.id, origin()).await;
    assert!(matches!(failed, Err(CardError::Store(_))), "{failed:?}");
    assert_eq!(app.cards.find(card.id).await.unwrap(), card);
    assert_eq!(app.kinds()[1..], [Added]);
}

#[tokio::test]
async fn a_removed_card_is_gone_and_its_url_can_be_saved_again() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let card = app.save(&ada, "https://example.org/").await;
    app.remove(&card).await;
    let removed = CardRemovedFromLibrary {
        card_id: card.id,
        curator_id: ada.id,
    };
    assert_eq!(app.last_event(), DomainEvent::from(removed));
    let found = app.cards.find(card.id).await;
    assert!(matches!(found, Err(CardError::Unknown)), "{found:?}");

    let again = app.cards.remove(ada.id, card.id, origin()).await;
    assert!(matches!(again, Err(CardError::NotInLibrary)), "{again:?}");
    app.save(&ada, "https://example.org/").await;
    assert_eq!(app.kinds()[1..], [Added, Removed, Added]);
}

#[tokio::test]
async fn somebody_elses_card_can_be_seen_and_not_removed() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    let card = app.save(&ada, "https://example.org/").await;
    let refused = app.cards.remove(bob.id, card.id, origin()).await;
    assert!(
        matches!(refused, Err(CardError::NotInLibrary)),
        "{refused:?}"
    );
    assert_eq!(app.cards.find(card.id).await.unwrap(), card);
    assert_eq!(app.kinds()[2..], [Added]);
}

#[tokio::test]
async fn a_card_that_never_was_is_unknown() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let card = CardId::generate(NOW);
    let found = app.cards.find(card).await;
    assert!(matches!(found, Err(CardError::Unknown)), "{found:?}");
    let removed = app.cards.remove(ada.id, card, origin()).await;
    assert!(
        matches!(removed, Err(CardError::NotInLibrary)),
        "{removed:?}"
    );
}
