//! `/v1/analytics`.

use std::time::Duration;

use insta::assert_snapshot;

use crate::support::{Api, redacted};

#[tokio::test]
async fn totals_count_every_event_once_by_type_and_day() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    api.save_url(&ada, "https://example.org/1").await;
    api.save_url(&ada, "https://example.org/2").await;
    api.clock.advance(Duration::from_hours(24));
    api.save_url(&ada, "https://example.org/3").await;
    for _ in 0..2 {
        api.handle_events().await;
    }
    let totals = api.get(&ada, "/v1/analytics/totals").await;
    redacted(|| assert_snapshot!(totals));
}

#[tokio::test]
async fn before_anything_happened_everything_is_zero() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let totals = api.get(&ada, "/v1/analytics/totals").await.json();
    assert_eq!(totals["total"], 0);
    assert_eq!(totals["byType"]["CardAddedToLibrary"], 0);
    assert_eq!(totals["byDay"].as_array().map(Vec::len), Some(0));
}
