use std::num::NonZeroU32;
use std::time::Duration;

use super::setup::told;
use super::*;

#[tokio::test]
async fn global_settings_stand_in_meta_and_wake_nobody() {
    let fixture = Fixture::new().await;
    let queue = &fixture.queue;
    let limit = RateLimit {
        max: 5,
        window: Duration::from_secs(1),
    };
    queue
        .set_global_concurrency(NonZeroU32::new(3).unwrap())
        .await
        .unwrap();
    queue.set_global_rate_limit(limit).await.unwrap();
    assert_keyspace!(fixture, @"meta: concurrency=3 duration=1000 max=5");
    assert_eq!(queue.global_concurrency().await.unwrap(), Some(3));
    assert_eq!(queue.global_rate_limit().await.unwrap(), Some(limit));
    queue.remove_global_concurrency().await.unwrap();
    queue.remove_global_rate_limit().await.unwrap();
    assert_eq!(queue.global_concurrency().await.unwrap(), None);
    assert_eq!(queue.global_rate_limit().await.unwrap(), None);
    assert_keyspace!(fixture, @"");
}

#[tokio::test]
async fn a_queue_is_maxed_once_as_many_jobs_are_active_as_may_be() {
    let fixture = Fixture::new().await;
    let queue = &fixture.queue;
    fixture.put(Suffix::Active, "a", "").await;
    assert!(!queue.is_maxed().await.unwrap());
    queue
        .set_global_concurrency(NonZeroU32::new(2).unwrap())
        .await
        .unwrap();
    assert!(!queue.is_maxed().await.unwrap());
    fixture.put(Suffix::Active, "b", "").await;
    assert!(queue.is_maxed().await.unwrap());
}

#[tokio::test]
async fn a_name_may_hold_what_stands_between_it_and_the_limits() {
    for limits in ["", "5:1000:"] {
        let fixture = Fixture::new().await;
        fixture.add(&[PLAIN]).await;
        let worker = format!("30000|{limits}|a|1:2:3");
        let args = [&NOW.to_string(), &worker, "", "1", "0", "token"].map(String::from);
        fixture.call_settle_and_fetch(&args).await;
        let job = fixture.queue.job("1").await.unwrap().unwrap();
        assert_eq!(job.processed_by.as_deref(), Some("a|1:2:3"));
    }
}

#[tokio::test]
async fn limits_that_allow_nothing_are_refused() {
    let fixture = Fixture::new().await;
    let limit = |max, millis| RateLimit {
        max,
        window: Duration::from_millis(millis),
    };
    for (limit, error) in [
        (limit(0, 1), "rate limit: must allow at least one job"),
        (limit(1, 0), "rate limit: must last at least 1 ms"),
    ] {
        assert_eq!(
            told(fixture.queue.set_global_rate_limit(limit).await),
            error
        );
    }
    assert_eq!(
        told(fixture.queue.rate_limit(Duration::ZERO).await),
        "rate limit: must last at least 1 ms"
    );
    assert_keyspace!(fixture, @"");
}

#[tokio::test]
async fn a_manual_limit_stands_until_it_is_over_or_removed() {
    let fixture = Fixture::new().await;
    let queue = &fixture.queue;
    queue.rate_limit(Duration::from_secs(60)).await.unwrap();
    assert_keyspace!(fixture, @"limiter (60s): 9007199254740991");
    assert!(queue.rate_limit_ttl(None).await.unwrap().unwrap() > Duration::from_secs(50));
    assert!(queue.remove_rate_limit().await.unwrap());
    assert!(!queue.remove_rate_limit().await.unwrap());
    assert_eq!(queue.rate_limit_ttl(None).await.unwrap(), None);
}

#[tokio::test]
async fn the_time_to_wait_depends_on_the_limit_that_one_looks_by() {
    let fixture = Fixture::new().await;
    let is_limited = async |max| fixture.queue.rate_limit_ttl(max).await.unwrap().is_some();
    fixture
        .on("SET", Suffix::Limiter, &["2", "PX", "60000"])
        .await;
    assert!(is_limited(None).await);
    assert!(is_limited(Some(2)).await);
    assert!(!is_limited(Some(3)).await);
    fixture.on("HSET", Suffix::Meta, &["max", "3"]).await;
    assert!(!is_limited(None).await);
    assert!(is_limited(Some(1)).await);
    fixture.on("INCR", Suffix::Limiter, &[]).await;
    assert!(is_limited(None).await);
    // Without an end nobody waits.
    fixture.on("PERSIST", Suffix::Limiter, &[]).await;
    assert!(!is_limited(None).await);
}

#[tokio::test]
async fn whether_a_queue_is_paused_is_known() {
    let fixture = Fixture::new().await;
    assert!(!fixture.queue.is_paused().await.unwrap());
    fixture.queue.pause().await.unwrap();
    assert!(fixture.queue.is_paused().await.unwrap());
    fixture.queue.resume().await.unwrap();
    assert!(!fixture.queue.is_paused().await.unwrap());
}

#[tokio::test]
async fn trimming_the_events_keeps_about_the_newest() {
    let fixture = Fixture::new().await;
    for _ in 0..500 {
        fixture.queue.pause().await.unwrap();
    }
    let removed = fixture.queue.trim_events(10).await.unwrap();
    let left = fixture.on("XLEN", Suffix::Events, &[]).await;
    assert_eq!(left, Reply::Int(500 - i64::try_from(removed).unwrap()));
    assert!(removed > 0);
}
