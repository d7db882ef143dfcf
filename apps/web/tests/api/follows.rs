//! `/v1/follows`.

use domain::EventKind;
use insta::assert_snapshot;

use crate::support::{Api, redacted};

fn follow_events(api: &Api) -> Vec<EventKind> {
    let kinds = api.events().into_iter().map(|event| event.kind());
    kinds
        .filter(|kind| *kind != EventKind::CuratorRegistered)
        .collect()
}

#[tokio::test]
async fn following_and_unfollowing_are_safe_to_repeat() {
    let api = Api::new();
    let (ada, bob) = (api.curator("ada").await, api.curator("bob").await);
    let path = format!("/v1/follows/{}", bob.id);
    for _ in 0..2 {
        let followed = api.put(&ada, &path).await;
        assert_eq!(
            (followed.status.as_u16(), followed.body.as_str()),
            (204, "")
        );
    }
    let listed = api.get(&ada, "/v1/follows").await;
    redacted(|| assert_snapshot!(listed));
    for _ in 0..2 {
        assert_eq!(api.delete(&ada, &path).await.status, 204);
    }
    let nobody = api.get(&ada, "/v1/follows").await;
    assert_eq!(nobody.body, r#"{"items":[]}"#);
    let expected = [EventKind::CuratorFollowed, EventKind::CuratorUnfollowed];
    assert_eq!(follow_events(&api), expected);
}

#[tokio::test]
async fn nobody_follows_somebody_who_does_not_exist_or_themselves() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let unknown = api
        .put(&ada, "/v1/follows/019ab30c-2a00-7000-8000-000000000000")
        .await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code().as_str()),
        (404, "unknown-curator")
    );
    let oneself = api.put(&ada, &format!("/v1/follows/{}", ada.id)).await;
    redacted(|| assert_snapshot!(oneself));
    assert_eq!(follow_events(&api), []);
}

#[tokio::test]
async fn an_id_that_is_none_is_named() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let answer = api.put(&ada, "/v1/follows/bob").await;
    assert_eq!(answer.code(), "invalid-parameter");
    assert_eq!(answer.text_at("/errors/0/parameter"), "curatorId");
}
