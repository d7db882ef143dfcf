//! Clauses about curators, tokens and follows.

use domain::StoreError;
use domain::curators::{Credentials, Curator, CuratorId, DisplayName, Follow, PasswordHash};

use super::{Adapter, commit, follow, followers, nobodys_handle, register};
use crate::builders::{self, NOW, at, password_hash, token_of};

pub async fn finds_a_curator_by_id_and_by_handle(store: &dyn Adapter) {
    let mut ada = builders::curator();
    ada.display_name = DisplayName::parse("Ada 'Countess' Lovelace — \u{1f4da}").unwrap();
    commit(store, async |unit| {
        unit.curators().add(&ada, &password_hash()).await
    })
    .await;
    register::<1>(store).await;

    assert_eq!(
        store.curators().by_id(ada.id).await.unwrap(),
        Some(ada.clone())
    );
    assert_eq!(
        store.curators().by_handle(&ada.handle).await.unwrap(),
        Some(ada)
    );
}

pub async fn misses_politely_what_was_never_added(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let nobody = CuratorId::generate(NOW);
    let curators = store.curators();

    assert_eq!(curators.by_id(nobody).await.unwrap(), None);
    assert_eq!(curators.by_handle(&nobodys_handle()).await.unwrap(), None);
    assert_eq!(curators.credentials(&nobodys_handle()).await.unwrap(), None);
    assert_eq!(curators.token(&token_of(&ada).hash).await.unwrap(), None);
    assert_eq!(curators.tokens(nobody).await.unwrap(), []);
    assert_eq!(curators.followees(nobody).await.unwrap(), []);
}

pub async fn keeps_the_password_hash_for_signing_in(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let expected = Credentials {
        curator: ada.id,
        password_hash: password_hash(),
    };
    assert_eq!(
        store.curators().credentials(&ada.handle).await.unwrap(),
        Some(expected)
    );
}

pub async fn replaces_a_password_hash_only_if_it_is_the_one_that_was(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let (was, becomes) = (password_hash(), PasswordHash::from_phc("$new".to_owned()));
    let replace = async |curator: CuratorId| {
        commit(store, async |unit| {
            unit.curators()
                .replace_password(curator, &was, &becomes)
                .await
        })
        .await
    };
    assert!(replace(ada.id).await);
    assert!(!replace(ada.id).await, "it is another one by now");
    assert!(!replace(CuratorId::generate(NOW)).await);

    let kept = async |curator: &Curator| {
        let credentials = store.curators().credentials(&curator.handle).await;
        credentials.unwrap().unwrap().password_hash
    };
    assert_eq!(kept(&ada).await, becomes);
    assert_eq!(kept(&bob).await, was, "nobody else's has changed");
}

pub async fn refuses_a_handle_that_is_taken(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let impostor = builders::curator_called(ada.handle.as_str());

    let mut unit = store.begin().await.unwrap();
    let refused = unit.curators().add(&impostor, &password_hash()).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict("handle"))),
        "{refused:?}"
    );
    unit.commit().await.unwrap();

    assert_eq!(
        store.curators().by_handle(&ada.handle).await.unwrap(),
        Some(ada)
    );
}

pub async fn tells_who_exists(store: &dyn Adapter) {
    let [ada] = register(store).await;
    assert!(commit(store, async |unit| unit.curators().exists(ada.id).await).await);
    let nobody = CuratorId::generate(NOW);
    assert!(!commit(store, async |unit| unit.curators().exists(nobody).await).await);
}

pub async fn finds_a_token_by_its_hash(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let tokens = [token_of(&ada), token_of(&ada)];
    commit(store, async |unit| {
        unit.curators().add_token(&tokens[0]).await?;
        unit.curators().add_token(&tokens[1]).await
    })
    .await;
    let [token, _] = tokens;
    assert_eq!(
        store.curators().token(&token.hash).await.unwrap(),
        Some(token)
    );
}

pub async fn lists_the_newest_token_first(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let (mut old, mut new) = (token_of(&ada), token_of(&ada));
    (old.issued_at, new.issued_at) = (at(1), at(2));
    commit(store, async |unit| {
        unit.curators().add_token(&new).await?;
        unit.curators().add_token(&old).await?;
        unit.curators().add_token(&token_of(&bob)).await
    })
    .await;
    assert_eq!(store.curators().tokens(ada.id).await.unwrap(), [new, old]);
}

pub async fn removes_a_token_for_its_owner_only(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    let token = token_of(&ada);
    commit(store, async |unit| unit.curators().add_token(&token).await).await;

    let remove = async |curator: CuratorId| {
        commit(store, async |unit| {
            unit.curators().remove_token(curator, token.id).await
        })
        .await
    };
    assert!(!remove(bob.id).await);
    assert_eq!(
        store.curators().token(&token.hash).await.unwrap(),
        Some(token.clone())
    );
    assert!(remove(ada.id).await);
    assert_eq!(store.curators().token(&token.hash).await.unwrap(), None);
    assert!(!remove(ada.id).await);
}

pub async fn follows_once(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    let follow = |followee: CuratorId, since| Follow {
        follower: ada.id,
        followee,
        since: at(since),
    };
    let added = async |follow: Follow| {
        commit(store, async |unit| unit.curators().follow(&follow).await).await
    };
    assert!(added(follow(bob.id, 1)).await);
    assert!(added(follow(cyd.id, 2)).await);
    assert!(!added(follow(bob.id, 3)).await);
    // The order shows that the second try left the first time alone.
    assert_eq!(
        store.curators().followees(ada.id).await.unwrap(),
        [cyd, bob]
    );
}

pub async fn unfollows_once(store: &dyn Adapter) {
    let [ada, bob] = register(store).await;
    follow(store, &ada, &bob).await;
    follow(store, &bob, &ada).await;

    let unfollow = async || {
        commit(store, async |unit| {
            unit.curators().unfollow(ada.id, bob.id).await
        })
        .await
    };
    assert!(unfollow().await);
    assert!(!unfollow().await);
    assert_eq!(store.curators().followees(ada.id).await.unwrap(), []);
    assert_eq!(store.curators().followees(bob.id).await.unwrap(), [ada]);
}

pub async fn names_every_follower(store: &dyn Adapter) {
    let [ada, bob, cyd] = register(store).await;
    follow(store, &bob, &ada).await;
    follow(store, &cyd, &ada).await;
    follow(store, &ada, &bob).await;

    let chunk = async |after, limit| {
        commit(store, async |unit| {
            let chunk = followers(after, limit);
            unit.curators().followers(ada.id, chunk).await
        })
        .await
    };
    let mut expected = [bob.id, cyd.id];
    expected.sort();
    assert_eq!(chunk(None, 3).await, expected);
    assert_eq!(chunk(None, 1).await, expected[..1]);
    assert_eq!(chunk(Some(expected[0]), 1).await, expected[1..]);
    assert_eq!(chunk(Some(expected[1]), 1).await, []);
}

pub async fn lists_the_newest_followee_first(store: &dyn Adapter) {
    let [ada, bob, cyd, dan] = register(store).await;
    for (followee, since) in [(&bob, 2), (&cyd, 1), (&dan, 3)] {
        let follow = Follow {
            since: at(since),
            ..builders::follow(&ada, followee)
        };
        commit(store, async |unit| unit.curators().follow(&follow).await).await;
    }
    assert_eq!(
        store.curators().followees(ada.id).await.unwrap(),
        [dan, bob, cyd]
    );
}

pub async fn refuses_what_refers_to_nobody(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let nobody = builders::curator();

    let mut unit = store.begin().await.unwrap();
    let follow = unit
        .curators()
        .follow(&builders::follow(&ada, &nobody))
        .await;
    assert!(
        matches!(follow, Err(StoreError::Unavailable(_))),
        "{follow:?}"
    );
    drop(unit);

    let mut unit = store.begin().await.unwrap();
    let token = unit.curators().add_token(&token_of(&nobody)).await;
    assert!(
        matches!(token, Err(StoreError::Unavailable(_))),
        "{token:?}"
    );
}
