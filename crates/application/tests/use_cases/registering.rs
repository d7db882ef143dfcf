//! Making an account.

use application::curators::CuratorError;
use domain::DomainEvent;
use domain::curators::events::CuratorRegistered;
use testkit::builders::{at, handle_of, origin};

use crate::support::{App, BROKEN, PASSWORD, password, registration, traced};

#[tokio::test]
async fn an_account_is_made_with_the_event_that_says_so() {
    let app = App::new();
    app.clock.set(at(7));
    let origin = traced();
    let ada = app
        .curators
        .register(registration("ada"), origin.clone())
        .await
        .unwrap();

    assert_eq!(app.curators.find(ada.id).await.unwrap(), ada);
    let by_handle = app.curators.find_by_handle(&handle_of("ada")).await;
    assert_eq!(by_handle.unwrap(), ada);
    assert_eq!(ada.registered_at, at(7));

    let event = app.last_envelope();
    let registered = CuratorRegistered {
        curator_id: ada.id,
        handle: handle_of("ada"),
    };
    assert_eq!(event.event, DomainEvent::from(registered));
    assert_eq!((event.occurred_at, event.origin), (at(7), origin));
}

#[tokio::test]
async fn the_account_and_its_event_are_committed_together() {
    let app = App::new();
    app.register(["ada"]).await;
    assert_eq!(app.store.committed(), 1);

    app.store.fail_next_commit();
    let failed = app.curators.register(registration("bob"), origin()).await;
    assert!(matches!(failed, Err(CuratorError::Store(_))), "{failed:?}");
    let bob = app.curators.find_by_handle(&handle_of("bob")).await;
    assert!(matches!(bob, Err(CuratorError::UnknownCurator)), "{bob:?}");
    assert_eq!(app.kinds().len(), 1);
}

#[tokio::test]
async fn a_handle_that_is_taken_leaves_nothing() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let mut second = registration("ada");
    second.password = password("another password");
    let taken = app.curators.register(second, origin()).await;
    assert!(matches!(taken, Err(CuratorError::HandleTaken)), "{taken:?}");

    assert_eq!(app.kinds().len(), 1);
    let found = app.curators.find_by_handle(&ada.handle).await.unwrap();
    assert_eq!(found.id, ada.id);
    // The password is still the first one.
    let name = crate::tokens::name("laptop");
    let issued = app
        .curators
        .issue_token(&ada.handle, password(PASSWORD), name)
        .await;
    assert!(issued.is_ok(), "{issued:?}");
}

#[tokio::test]
async fn a_password_that_can_not_be_hashed_leaves_nothing() {
    let app = App::new();
    let mut broken = registration("ada");
    broken.password = password(BROKEN);
    let failed = app.curators.register(broken, origin()).await;
    assert!(
        matches!(failed, Err(CuratorError::Secrets(_))),
        "{failed:?}"
    );
    assert_eq!(app.kinds(), []);
    assert_eq!(app.store.committed(), 0);
}
