//! Following, and ceasing to.

use application::curators::CuratorError;
use domain::DomainEvent;
use domain::EventKind::{CuratorFollowed as Followed, CuratorUnfollowed as Unfollowed};
use domain::curators::FollowError;
use domain::curators::events::{CuratorFollowed, CuratorUnfollowed};
use testkit::builders::{at, origin};

use crate::support::{App, nobody};

#[tokio::test]
async fn following_somebody_says_who_follows_whom() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.follow(&ada, &bob).await;
    let followed = CuratorFollowed {
        follower_id: ada.id,
        followee_id: bob.id,
    };
    assert_eq!(app.last_event(), DomainEvent::from(followed));
    let followees = app.curators.followees(ada.id).await.unwrap();
    assert_eq!(followees, std::slice::from_ref(&bob));
    assert_eq!(app.curators.followees(bob.id).await.unwrap(), []);
}

#[tokio::test]
async fn following_twice_is_following_once() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.follow(&ada, &bob).await;
    app.follow(&ada, &bob).await;
    assert_eq!(app.kinds()[2..], [Followed]);
    assert_eq!(app.curators.followees(ada.id).await.unwrap(), [bob]);
}

#[tokio::test]
async fn ceasing_to_follow_says_so_once() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.unfollow(&ada, &bob).await;
    assert_eq!(app.kinds()[2..], [], "there was nothing to end");

    app.follow(&ada, &bob).await;
    app.unfollow(&ada, &bob).await;
    app.unfollow(&ada, &bob).await;
    assert_eq!(app.kinds()[2..], [Followed, Unfollowed]);
    let unfollowed = CuratorUnfollowed {
        follower_id: ada.id,
        followee_id: bob.id,
    };
    assert_eq!(app.last_event(), DomainEvent::from(unfollowed));
    assert_eq!(app.curators.followees(ada.id).await.unwrap(), []);

    app.follow(&ada, &bob).await;
    assert_eq!(app.kinds()[2..], [Followed, Unfollowed, Followed]);
}

#[tokio::test]
async fn those_one_follows_are_listed_newest_first() {
    let app = App::new();
    let [ada, bob, cyd] = app.register(["ada", "bob", "cyd"]).await;
    app.follow(&ada, &cyd).await;
    app.clock.set(at(1));
    app.follow(&ada, &bob).await;
    assert_eq!(app.curators.followees(ada.id).await.unwrap(), [bob, cyd]);
}

#[tokio::test]
async fn nobody_follows_themselves_or_nobody() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let oneself = app.curators.follow(ada.id, ada.id, origin()).await;
    assert!(
        matches!(oneself, Err(CuratorError::Follow(FollowError::Oneself))),
        "{oneself:?}"
    );
    let unknown = app.curators.follow(ada.id, nobody(), origin()).await;
    assert!(
        matches!(unknown, Err(CuratorError::UnknownCurator)),
        "{unknown:?}"
    );
    assert_eq!(app.kinds().len(), 1);
    assert_eq!(app.curators.followees(ada.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_follow_and_its_event_are_committed_together() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.store.fail_next_commit();
    let failed = app.curators.follow(ada.id, bob.id, origin()).await;
    assert!(matches!(failed, Err(CuratorError::Store(_))), "{failed:?}");
    assert_eq!(app.kinds().len(), 2);
    assert_eq!(app.curators.followees(ada.id).await.unwrap(), []);
}
