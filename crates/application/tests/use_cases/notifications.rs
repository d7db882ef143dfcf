//! Who is told what, and what they have read.

use domain::curators::Curator;
use domain::notifications::{NotificationId, NotificationKind, NotificationView};
use domain::{PageRequest, UnixMillis};
use testkit::builders::{NOW, at, origin};

use crate::support::App;

async fn of(app: &App, recipient: &Curator) -> Vec<NotificationView> {
    let page = app.notifications.list(recipient.id, PageRequest::default());
    page.await.unwrap().rows
}

/// Why a curator was notified, newest first, and by whom.
async fn told(app: &App, recipient: &Curator) -> Vec<(NotificationKind, String)> {
    let views = of(app, recipient).await.into_iter();
    views
        .map(|view| (view.kind, view.newest.actor.handle.to_string()))
        .collect()
}

async fn unread(app: &App, recipient: &Curator) -> u64 {
    app.notifications.unread(recipient.id).await.unwrap()
}

/// How long it takes until what happens is told on its own.
const LATER: i64 = 1000;

/// Cyd follows Ada and then, much later, Bob does: Ada has two notifications, newest first.
async fn ada_with_two(app: &App) -> (Curator, [NotificationId; 2]) {
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    for (second, follower) in [(1, &cyd), (LATER, &bob)] {
        app.clock.set(at(second));
        app.follow(follower, &ada).await;
    }
    app.settle().await;
    let ids: Vec<_> = of(app, &ada).await.iter().map(|view| view.id).collect();
    (ada, ids.try_into().unwrap())
}

#[tokio::test]
async fn whoever_is_followed_is_told_by_whom() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.clock.set(at(5));
    app.follow(&bob, &ada).await;
    // Handled later than it happened.
    app.clock.set(at(60));
    app.settle().await;

    let [view] = of(&app, &ada).await.try_into().unwrap();
    assert_eq!(view.kind, NotificationKind::NewFollower);
    assert_eq!((view.newest.actor, view.newest.card), (bob.clone(), None));
    assert_eq!((view.newest.occurred_at, view.read_at), (at(5), None));
    assert_eq!(unread(&app, &ada).await, 1);
    assert_eq!(told(&app, &bob).await, []);
}

#[tokio::test]
async fn a_saved_url_is_told_to_followers_and_to_those_who_saved_it_too() {
    let app = App::new();
    let [ada, bob, cyd, dan] = app.register(["ada", "bob", "cyd", "dan"]).await;
    for follower in [&bob, &cyd] {
        app.follow(follower, &ada).await;
    }
    app.save(&bob, "https://example.org/a").await;
    app.clock.set(at(1));
    let card = app.save(&ada, "https://example.org/a#part").await;
    app.clock.set(at(LATER));
    app.save(&dan, "https://example.org/a").await;
    app.settle().await;

    let ada_s = |kind| (kind, "ada".to_owned());
    // Bob follows Ada and has the page: the more specific reason wins, and he is told once.
    let same_url = ada_s(NotificationKind::SameUrlSaved);
    let dan_too = (NotificationKind::SameUrlSaved, "dan".to_owned());
    assert_eq!(told(&app, &bob).await, [dan_too.clone(), same_url]);
    assert_eq!(told(&app, &ada).await[0], dan_too);
    // He saved it after her, although her event was handled after that.
    assert_eq!(told(&app, &dan).await, []);
    let followee = ada_s(NotificationKind::FolloweeSaved);
    assert_eq!(told(&app, &cyd).await, [followee]);

    let [view] = of(&app, &cyd).await.try_into().unwrap();
    assert_eq!(view.newest.card, Some(card.clone()));
    // What was read stays told when the card goes.
    let read = app.notifications.mark_read(cyd.id, &[view.id]).await;
    assert_eq!(read.unwrap(), 1);
    app.remove(&card).await;
    app.settle().await;
    let [view] = of(&app, &cyd).await.try_into().unwrap();
    assert_eq!(view.newest.card, None);
}

#[tokio::test]
async fn a_note_is_told_to_followers_alone() {
    let app = App::new();
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    app.follow(&bob, &ada).await;
    for curator in [&cyd, &ada] {
        let note = testkit::builders::card_with_note(curator, "the same words").content;
        app.cards.save(curator.id, note, origin()).await.unwrap();
    }
    app.settle().await;
    let followee = (NotificationKind::FolloweeSaved, "ada".to_owned());
    assert_eq!(told(&app, &bob).await, [followee]);
    assert_eq!(told(&app, &cyd).await, []);
}

#[tokio::test]
async fn an_event_that_comes_again_notifies_nobody_again() {
    let app = App::new();
    let (ada, _) = ada_with_two(&app).await;
    app.notifications
        .mark_read_before(ada.id, at(LATER))
        .await
        .unwrap();
    app.settle().await;
    assert_eq!(of(&app, &ada).await.len(), 2);
    assert_eq!(unread(&app, &ada).await, 0);
}

#[tokio::test]
async fn marking_some_read_leaves_the_others_unread() {
    let app = App::new();
    let (ada, [newest, oldest]) = ada_with_two(&app).await;
    app.clock.set(at(2 * LATER));
    let mark = async |ids: &[NotificationId]| app.notifications.mark_read(ada.id, ids).await;
    assert_eq!(
        mark(&[oldest, NotificationId::generate(NOW)])
            .await
            .unwrap(),
        1
    );
    assert_eq!(unread(&app, &ada).await, 1);
    app.clock.set(at(3 * LATER));
    assert_eq!(mark(&[oldest]).await.unwrap(), 0, "it was read before");
    assert_eq!(mark(&[]).await.unwrap(), 0);

    let read_at = |view: &NotificationView| (view.id, view.read_at);
    let views = of(&app, &ada).await;
    let read: Vec<_> = views.iter().map(read_at).collect();
    assert_eq!(read, [(newest, None), (oldest, Some(at(2 * LATER)))]);
}

#[tokio::test]
async fn somebody_elses_notifications_can_not_be_marked() {
    let app = App::new();
    let (ada, ids) = ada_with_two(&app).await;
    let [eve] = app.register(["eve"]).await;
    let marked = app.notifications.mark_read(eve.id, &ids).await.unwrap();
    let before = app.notifications.mark_read_before(eve.id, at(LATER)).await;
    assert_eq!((marked, before.unwrap()), (0, 0));
    assert_eq!(unread(&app, &ada).await, 2);
}

#[tokio::test]
async fn everything_up_to_a_moment_is_marked_with_that_moment() {
    let app = App::new();
    let (ada, _) = ada_with_two(&app).await;
    let mark = async |before: UnixMillis| {
        let marked = app.notifications.mark_read_before(ada.id, before);
        marked.await.unwrap()
    };
    assert_eq!(mark(at(0)).await, 0);
    assert_eq!(mark(at(1)).await, 1);
    assert_eq!(unread(&app, &ada).await, 1);
    assert_eq!(mark(at(LATER)).await, 1);
    assert_eq!(unread(&app, &ada).await, 0);
}

/// How many entries each notification has and how many others caused them, newest first.
async fn sizes(app: &App, recipient: &Curator) -> Vec<(u64, u64)> {
    let views = of(app, recipient).await.into_iter();
    views.map(|view| (view.count, view.others)).collect()
}

#[tokio::test]
async fn a_burst_is_one_notification_from_its_first_event_on() {
    let app = App::new();
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    for author in [&ada, &cyd] {
        app.follow(&bob, author).await;
    }
    for (second, author) in [(0, &ada), (200, &cyd), (400, &ada)] {
        app.clock.set(at(second));
        let page = format!("https://example.org/{second}");
        app.save(author, &page).await;
        app.settle().await;
        assert_eq!(unread(&app, &bob).await, 1);
    }
    assert_eq!(sizes(&app, &bob).await, [(3, 1)]);
    let [view] = of(&app, &bob).await.try_into().unwrap();
    let entries = app
        .notifications
        .entries(bob.id, view.id, PageRequest::default());
    let entries = entries.await.unwrap().rows;
    let authors: Vec<_> = entries.iter().map(|entry| entry.actor.id).collect();
    assert_eq!(authors, [ada.id, cyd.id, ada.id]);
    // Bob has read it, so what comes now is news.
    app.notifications
        .mark_read(bob.id, &[view.id])
        .await
        .unwrap();
    app.clock.set(at(401));
    app.save(&cyd, "https://example.org/news").await;
    app.settle().await;
    assert_eq!(sizes(&app, &bob).await, [(1, 0), (3, 1)]);
    assert_eq!(unread(&app, &bob).await, 1);
}

#[tokio::test]
async fn a_burst_is_gathered_in_whatever_order_it_is_handled() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.follow(&bob, &ada).await;
    for second in [0, 200, 400, 3000] {
        app.clock.set(at(second));
        app.save(&ada, &format!("https://example.org/{second}"))
            .await;
    }
    // Handled long after, and the last first.
    app.clock.set(at(90_000));
    let mut events = app.store.memory.events();
    events.reverse();
    app.hand_over(&events).await;
    assert_eq!(sizes(&app, &bob).await, [(1, 0), (3, 0)]);
}

#[tokio::test]
async fn what_is_undone_before_it_was_read_bothers_nobody() {
    let app = App::new();
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    app.follow(&bob, &ada).await;
    app.follow(&cyd, &ada).await;
    let kept = app.save(&ada, "https://example.org/kept").await;
    let gone = app.save(&ada, "https://example.org/gone").await;
    app.settle().await;
    assert_eq!(sizes(&app, &bob).await, [(2, 0)]);
    assert_eq!(sizes(&app, &ada).await, [(2, 1)]);

    app.remove(&gone).await;
    app.unfollow(&cyd, &ada).await;
    app.settle().await;
    assert_eq!(sizes(&app, &bob).await, [(1, 0)]);
    assert_eq!(
        told(&app, &ada).await,
        [(NotificationKind::NewFollower, "bob".to_owned())]
    );
    app.remove(&kept).await;
    app.unfollow(&bob, &ada).await;
    app.settle().await;
    assert_eq!(
        (sizes(&app, &bob).await, sizes(&app, &ada).await),
        (vec![], vec![])
    );
    assert_eq!((unread(&app, &bob).await, unread(&app, &ada).await), (0, 0));
}

#[tokio::test]
async fn an_undo_that_is_handled_first_bothers_nobody_either() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.follow(&bob, &ada).await;
    let gone = app.save(&ada, "https://example.org/gone").await;
    app.clock.set(at(1));
    app.remove(&gone).await;
    app.unfollow(&bob, &ada).await;
    app.clock.set(at(2));
    app.follow(&bob, &ada).await;
    let mut events = app.store.memory.events();
    events.reverse();
    app.hand_over(&events).await;
    assert_eq!(of(&app, &bob).await, []);
    // He follows her once, whatever he did before.
    assert_eq!(sizes(&app, &ada).await, [(1, 0)]);
    assert_eq!(of(&app, &ada).await[0].since, at(2));
}
