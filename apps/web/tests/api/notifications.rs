//! `/v1/notifications`.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;
use testkit::builders::at;

use crate::support::{Api, Caller, redacted};

/// Bob is told that Ada follows him, and then that she saved what he did.
async fn bob_is_told_twice(api: &Api) -> Caller {
    let (ada, bob) = (api.curator("ada").await, api.curator("bob").await);
    api.clock.advance(Duration::from_secs(1));
    api.follow(&ada, &bob).await;
    api.save_url(&bob, "https://example.org/").await;
    api.clock.advance(Duration::from_secs(1));
    api.save_url(&ada, "https://example.org/").await;
    api.handle_events().await;
    bob
}

#[tokio::test]
async fn what_concerns_somebody_is_listed_newest_first() {
    let api = Api::new();
    let bob = bob_is_told_twice(&api).await;
    let listed = api.get(&bob, "/v1/notifications").await;
    redacted(|| assert_snapshot!(listed));
    let unread = api.get(&bob, "/v1/notifications/unread").await;
    assert_eq!(unread.body, r#"{"unread":2}"#);
    let page = api.get(&bob, "/v1/notifications?limit=1").await;
    assert!(
        page.header("link")
            .starts_with("</v1/notifications?cursor=")
    );
}

#[tokio::test]
async fn a_burst_is_one_notification_with_all_of_its_entries() {
    let api = Api::new();
    let (ada, bob, cyd) = (
        api.curator("ada").await,
        api.curator("bob").await,
        api.curator("cyd").await,
    );
    for (second, follower) in [(1, &ada), (2, &cyd)] {
        api.clock.set(at(second));
        api.follow(follower, &bob).await;
    }
    api.handle_events().await;
    let listed = api.get(&bob, "/v1/notifications").await;
    redacted(|| assert_snapshot!(listed));
    let unread = api.get(&bob, "/v1/notifications/unread").await;
    assert_eq!(unread.body, r#"{"unread":1}"#);

    let path = format!(
        "/v1/notifications/{}/entries",
        listed.text_at("/items/0/id")
    );
    let entries = api.get(&bob, &path).await;
    redacted(|| assert_snapshot!(entries));
    let page = api.get(&bob, &format!("{path}?limit=1")).await;
    let next = page.text_at("/next");
    let last = api.get(&bob, &format!("{path}?cursor={next}")).await;
    assert_eq!(last.json()["items"][0], entries.json()["items"][1]);
    let hers = api.get(&ada, &path).await;
    assert_eq!(hers.code(), "unknown-notification");
}

#[tokio::test]
async fn some_are_marked_read_by_their_ids() {
    let api = Api::new();
    let bob = bob_is_told_twice(&api).await;
    let id = api
        .get(&bob, "/v1/notifications")
        .await
        .text_at("/items/0/id");
    let ids = json!({"ids": [id, "019ab30c-2a00-7000-8000-000000000000"]});
    for marked in [1, 0] {
        let answer = api.post(&bob, "/v1/notifications/read", ids.clone()).await;
        assert_eq!(answer.body, format!("{{\"marked\":{marked}}}"));
    }
    let unread = api.get(&bob, "/v1/notifications/unread").await;
    assert_eq!(unread.body, r#"{"unread":1}"#);
    let listed = api.get(&bob, "/v1/notifications").await;
    assert!(listed.json()["items"][0]["readAt"].is_string());
}

#[tokio::test]
async fn all_up_to_a_time_are_marked_read() {
    let api = Api::new();
    let bob = bob_is_told_twice(&api).await;
    let before = json!({"before": at(1)});
    let answer = api.post(&bob, "/v1/notifications/read", before).await;
    assert_eq!(answer.body, r#"{"marked":1}"#);
}

#[tokio::test]
async fn what_to_mark_must_be_said_in_one_way() {
    let api = Api::new();
    let bob = api.curator("bob").await;
    let bodies = [
        json!({}),
        json!({"ids": [], "before": at(1)}),
        json!({"ids": "all"}),
        json!({"ids": ["019ab30c-2a00-7000-8000-000000000000", "x"]}),
        json!({"before": "yesterday"}),
        json!({"before": 1_795_514_400_000_u64}),
    ];
    let mut answers = Vec::new();
    for body in bodies {
        let shown = body.to_string();
        let answer = api.post(&bob, "/v1/notifications/read", body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid-body")
        );
        let error = &answer.json()["errors"][0];
        answers.push(format!(
            "{shown}\n    {}: {}",
            error["pointer"], error["detail"]
        ));
    }
    assert_snapshot!(answers.join("\n"));
}
