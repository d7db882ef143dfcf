//! Signing in: tokens that are issued, used and revoked.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use application::curators::{CuratorError, TokenSecret};
use application::rates::{RateLimit, Rates};
use domain::Store;
use domain::curators::{ApiToken, Curator, Handle, PasswordHash, TokenName};
use testkit::builders::{at, handle_of};

use crate::support::{App, BROKEN, OLD, PASSWORD, password};

pub(crate) fn name(text: &str) -> TokenName {
    TokenName::parse(text).unwrap()
}

async fn issue(app: &App, curator: &Curator, called: &str) -> (ApiToken, TokenSecret) {
    let issued = app
        .curators
        .issue_token(&curator.handle, password(PASSWORD), name(called));
    issued.await.unwrap()
}

#[tokio::test]
async fn a_token_says_whose_it_is() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    let (token, secret) = issue(&app, &ada, "laptop").await;
    let (_, others) = issue(&app, &bob, "laptop").await;
    assert_eq!(token.curator, ada.id);

    let whose = async |secret: &str| {
        let token = app.curators.authenticate(secret).await.unwrap();
        token.map(|token| token.curator)
    };
    assert_eq!(whose(secret.expose()).await, Some(ada.id));
    assert_eq!(whose(others.expose()).await, Some(bob.id));
    assert_eq!(whose("bw_nonsense").await, None);
    assert_eq!(whose("").await, None);
    // What is stored and shown is not enough to sign in with.
    assert_eq!(whose(&token.prefix).await, None);
}

#[tokio::test]
async fn a_curators_tokens_are_listed_newest_first_and_without_their_secrets() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    let (older, _) = issue(&app, &ada, "laptop").await;
    app.clock.set(at(1));
    let (newer, secret) = issue(&app, &ada, "phone").await;
    issue(&app, &bob, "laptop").await;

    let tokens = app.curators.tokens(ada.id).await.unwrap();
    assert_eq!(tokens, [newer.clone(), older]);
    assert_eq!(newer.issued_at, at(1));
    assert!(secret.expose().starts_with(&newer.prefix));
    assert!(!format!("{tokens:?}").contains(secret.expose()));
}

#[tokio::test]
async fn a_wrong_password_gets_no_token() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let wrong = app
        .curators
        .issue_token(&ada.handle, password("wrong horse"), name("laptop"))
        .await;
    assert!(
        matches!(wrong, Err(CuratorError::WrongCredentials)),
        "{wrong:?}"
    );
    assert_eq!(app.curators.tokens(ada.id).await.unwrap(), []);
}

#[tokio::test]
async fn an_unknown_handle_is_refused_like_a_wrong_password_and_as_slowly() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    for handle in [ada.handle, handle_of("nobody")] {
        let refused = app
            .curators
            .issue_token(&handle, password("wrong horse"), name("laptop"))
            .await;
        assert!(
            matches!(refused, Err(CuratorError::WrongCredentials)),
            "{refused:?}"
        );
    }
    // Both were the hasher's to answer; the time it takes is the same.
    assert_eq!(app.passwords.verified(), [Some(PASSWORD.to_owned()), None]);
}

#[tokio::test]
async fn a_password_that_can_not_be_checked_gets_no_token() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let failed = app
        .curators
        .issue_token(&ada.handle, password(BROKEN), name("laptop"))
        .await;
    assert!(
        matches!(failed, Err(CuratorError::Secrets(_))),
        "{failed:?}"
    );
    assert_eq!(app.curators.tokens(ada.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_revoked_token_is_nobodys() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let (token, secret) = issue(&app, &ada, "laptop").await;
    let (_, kept) = issue(&app, &ada, "phone").await;
    app.curators.revoke_token(ada.id, token.id).await.unwrap();

    let whose = async |secret: &TokenSecret| {
        let token = app.curators.authenticate(secret.expose()).await.unwrap();
        token.map(|token| token.curator)
    };
    assert_eq!(whose(&secret).await, None);
    assert_eq!(whose(&kept).await, Some(ada.id));
    let again = app.curators.revoke_token(ada.id, token.id).await;
    assert!(
        matches!(again, Err(CuratorError::UnknownToken)),
        "{again:?}"
    );
}

#[tokio::test]
async fn somebody_elses_token_can_not_be_revoked() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    let (token, secret) = issue(&app, &ada, "laptop").await;
    let refused = app.curators.revoke_token(bob.id, token.id).await;
    assert!(
        matches!(refused, Err(CuratorError::UnknownToken)),
        "{refused:?}"
    );
    let whose = app.curators.authenticate(secret.expose()).await.unwrap();
    assert_eq!(whose, Some(token), "it is hers as before");
}

#[tokio::test]
async fn tokens_raise_no_events() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let (token, _) = issue(&app, &ada, "laptop").await;
    app.curators.revoke_token(ada.id, token.id).await.unwrap();
    assert_eq!(app.kinds().len(), 1, "only that she registered");
}

#[tokio::test]
async fn a_hash_of_an_earlier_release_is_made_anew_when_its_owner_signs_in() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let kept = async || {
        let credentials = app.store.memory.curators().credentials(&ada.handle).await;
        credentials.unwrap().unwrap().password_hash
    };
    let today = PasswordHash::from_phc(PASSWORD.to_owned());
    let old = PasswordHash::from_phc(format!("{PASSWORD}{OLD}"));
    let mut unit = app.store.memory.begin().await.unwrap();
    let repository = unit.curators();
    assert!(
        repository
            .replace_password(ada.id, &today, &old)
            .await
            .unwrap()
    );
    unit.commit().await.unwrap();

    let wrong = password("wrong horse");
    let refused = app
        .curators
        .issue_token(&ada.handle, wrong, name("a"))
        .await;
    assert!(refused.is_err());
    assert_eq!(kept().await, old, "a wrong password changes nothing");
    issue(&app, &ada, "laptop").await;
    assert_eq!(kept().await, today);
    issue(&app, &ada, "phone").await;
}

#[tokio::test]
async fn guessing_a_password_ends_after_some_attempts_for_those_who_exist_and_those_who_do_not() {
    let app = App::new();
    let [ada] = app.register(["ada"]).await;
    let limit = RateLimit {
        max: NonZeroU32::new(3).unwrap(),
        window: Duration::from_secs(900),
    };
    let rates = Rates::of_this_process(Arc::new(app.clock.clone()));
    let curators = app.curators.clone().limiting_sign_ins(rates, limit);
    let sign_in = async |handle: &Handle, text| {
        curators
            .issue_token(handle, password(text), name("a"))
            .await
    };

    for handle in [ada.handle.clone(), handle_of("nobody")] {
        for _ in 0..3 {
            let wrong = sign_in(&handle, "wrong horse").await;
            assert!(
                matches!(wrong, Err(CuratorError::WrongCredentials)),
                "{wrong:?}"
            );
        }
        let refused = sign_in(&handle, PASSWORD).await;
        let Err(CuratorError::TooManyAttempts { again_in }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(again_in, limit.window);
    }
    let guesses = app.passwords.verified().len();
    assert_eq!(guesses, 6, "what is refused costs no hashing");

    app.clock.advance(limit.window);
    for _ in 0..4 {
        sign_in(&ada.handle, "wrong horse").await.unwrap_err();
        sign_in(&ada.handle, "wrong horse").await.unwrap_err();
        // Whoever knows the password is not held up by what was tried before.
        sign_in(&ada.handle, PASSWORD).await.unwrap();
    }
}
