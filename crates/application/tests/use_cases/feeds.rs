//! Home feeds, kept up to date by events.

use domain::{EventEnvelope, PageLimit, PageRequest, Store};
use testkit::builders::at;

use crate::support::App;

#[tokio::test]
async fn a_saved_card_is_in_the_feeds_of_followers_alone() {
    let app = App::new();
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    app.follow(&bob, &ada).await;
    app.save(&ada, "https://example.org/1").await;
    app.clock.set(at(1));
    app.save(&ada, "https://example.org/2").await;
    app.settle().await;
    let newest_first = ["https://example.org/2", "https://example.org/1"];
    assert_eq!(app.home(&bob).await, newest_first);
    assert_eq!(app.home(&cyd).await, [""; 0]);
    assert_eq!(app.home(&ada).await, [""; 0], "her own are in her library");

    let page = app
        .feeds
        .home(bob.id, PageRequest::default())
        .await
        .unwrap();
    assert!(page.rows.iter().all(|item| item.author == ada));
}

#[tokio::test]
async fn a_new_follower_finds_the_newest_fifty() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    for n in 0..60 {
        app.clock.set(at(n));
        app.save(&ada, &format!("https://example.org/{n}")).await;
    }
    app.settle().await;
    app.follow(&bob, &ada).await;
    app.settle().await;

    let all = PageRequest {
        after: None,
        limit: PageLimit::try_new(100).unwrap(),
    };
    let items = app.feeds.home(bob.id, all).await.unwrap().rows;
    let saved_at: Vec<_> = items.iter().map(|item| item.card.saved_at).collect();
    let newest: Vec<_> = (10..60).rev().map(at).collect();
    assert_eq!(saved_at, newest);
}

#[tokio::test]
async fn a_removed_card_is_taken_out_of_every_feed() {
    let app = App::new();
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    for follower in [&bob, &cyd] {
        app.follow(follower, &ada).await;
    }
    let card = app.save(&ada, "https://example.org/1").await;
    app.save(&ada, "https://example.org/2").await;
    app.settle().await;
    app.remove(&card).await;
    app.settle().await;
    for follower in [&bob, &cyd] {
        assert_eq!(app.home(follower).await, ["https://example.org/2"]);
    }
    // It is not only hidden because the card is gone.
    let mut work = app.store.memory.begin().await.unwrap();
    assert_eq!(work.feeds().retract_card(card.id).await.unwrap(), 0);
}

#[tokio::test]
async fn whoever_ceases_to_follow_sees_nothing_of_that_author_any_more() {
    let app = App::new();
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    for author in [&ada, &cyd] {
        app.follow(&bob, author).await;
    }
    app.save(&ada, "https://example.org/ada").await;
    app.save(&cyd, "https://example.org/cyd").await;
    app.settle().await;
    app.unfollow(&bob, &ada).await;
    app.settle().await;
    assert_eq!(app.home(&bob).await, ["https://example.org/cyd"]);
    // What comes after it does not reach him either.
    app.save(&ada, "https://example.org/more").await;
    app.settle().await;
    assert_eq!(app.home(&bob).await, ["https://example.org/cyd"]);
}

/// Queues keep no order between jobs that are worked at once or tried again.
#[tokio::test]
async fn in_whatever_order_events_are_handled_the_feed_ends_up_the_same() {
    for turn in 0..8 {
        for is_backwards in [false, true] {
            let app = App::new();
            let [ada, bob] = app.register(["ada", "bob"]).await;
            app.follow(&bob, &ada).await;
            let removed = app.save(&ada, "https://example.org/removed").await;
            app.save(&ada, "https://example.org/kept").await;
            app.remove(&removed).await;
            app.unfollow(&bob, &ada).await;
            app.follow(&bob, &ada).await;

            let mut events = app.store.memory.events();
            assert_eq!(events.len(), 8);
            events.rotate_left(turn);
            if is_backwards {
                events.reverse();
            }
            app.hand_over(&events).await;
            let kinds: Vec<_> = events.iter().map(EventEnvelope::kind).collect();
            let home = app.home(&bob).await;
            assert_eq!(home, ["https://example.org/kept"], "after {kinds:?}");
        }
    }
}
