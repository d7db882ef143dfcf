//! `/v1/feeds`.

use std::time::Duration;

use insta::assert_snapshot;

use crate::support::{Api, redacted};

#[tokio::test]
async fn a_home_feed_shows_what_those_one_follows_have_saved() {
    let api = Api::new();
    let (ada, bob) = (api.curator("ada").await, api.curator("bob").await);
    api.follow(&bob, &ada).await;
    for number in 1..=3 {
        api.clock.advance(Duration::from_secs(1));
        api.save_url(&ada, &format!("https://example.org/{number}"))
            .await;
    }
    api.handle_events().await;
    let feed = api.get(&bob, "/v1/feeds/home?limit=1").await;
    redacted(|| assert_snapshot!(feed));

    let cursor = feed.text_at("/next");
    let rest = api
        .get(&bob, &format!("/v1/feeds/home?cursor={cursor}"))
        .await;
    assert_eq!(rest.text_at("/items/0/card/url"), "https://example.org/2");
    assert_eq!(rest.text_at("/items/1/card/url"), "https://example.org/1");
    assert!(rest.json()["next"].is_null());
    assert_eq!(
        api.get(&ada, "/v1/feeds/home").await.body,
        r#"{"items":[]}"#
    );
}

#[tokio::test]
async fn a_cursor_that_is_none_is_named() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let answer = api.get(&ada, "/v1/feeds/home?cursor=1").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "invalid-parameter")
    );
    assert_eq!(answer.text_at("/errors/0/parameter"), "cursor");
}
