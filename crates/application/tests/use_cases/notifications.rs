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
        .map(|view| (view.kind, view.actor.handle.to_string()))
        .collect()
}

async fn unread(app: &App, recipient: &Curator) -> u64 {
    app.notifications.unread(recipient.id).await.unwrap()
}

/// Cyd follows Ada and then Bob does, a second apart: Ada has two notifications, newest first.
async fn ada_with_two(app: &App) -> (Curator, [NotificationId; 2]) {
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    for (second, follower) in [(1, &cyd), (2, &bob)] {
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
    assert_eq!((view.actor, view.card), (bob.clone(), None));
    assert_eq!((view.occurred_at, view.read_at), (at(5), None));
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
    app.clock.set(at(2));
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
    assert_eq!(view.card, Some(card.clone()));
    // What was told stays told when the card goes.
    app.remove(&card).await;
    app.settle().await;
    let [view] = of(&app, &cyd).await.try_into().unwrap();
    assert_eq!(view.card, None);
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
        .mark_read_before(ada.id, at(2))
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
    app.clock.set(at(100));
    let mark = async |ids: &[NotificationId]| app.notifications.mark_read(ada.id, ids).await;
    assert_eq!(
        mark(&[oldest, NotificationId::generate(NOW)])
            .await
            .unwrap(),
        1
    );
    assert_eq!(unread(&app, &ada).await, 1);
    app.clock.set(at(200));
    assert_eq!(mark(&[oldest]).await.unwrap(), 0, "it was read before");
    assert_eq!(mark(&[]).await.unwrap(), 0);

    let read_at = |view: &NotificationView| (view.id, view.read_at);
    let views = of(&app, &ada).await;
    let read: Vec<_> = views.iter().map(read_at).collect();
    assert_eq!(read, [(newest, None), (oldest, Some(at(100)))]);
}

#[tokio::test]
async fn somebody_elses_notifications_can_not_be_marked() {
    let app = App::new();
    let (ada, ids) = ada_with_two(&app).await;
    let [eve] = app.register(["eve"]).await;
    let marked = app.notifications.mark_read(eve.id, &ids).await.unwrap();
    let before = app.notifications.mark_read_before(eve.id, at(1000)).await;
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
    assert_eq!(mark(at(9)).await, 1);
    assert_eq!(unread(&app, &ada).await, 0);
}
