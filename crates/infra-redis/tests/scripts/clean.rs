use std::time::Duration;

use super::setup::told;
use super::*;
use crate::engine::JobState;

const AT_ONCE: Duration = Duration::ZERO;
/// Longer ago than any test's jobs that count as young.
const HOUR: Duration = Duration::from_secs(3600);

fn minutes_ago(minutes: u64) -> String {
    (crate::engine::clock::now() - minutes * 60_000).to_string()
}

#[tokio::test]
async fn finished_jobs_are_removed_by_their_end_the_oldest_first() {
    let fixture = Fixture::new().await;
    for (state, word) in [
        (Suffix::Completed, JobState::Completed),
        (Suffix::Failed, JobState::Failed),
    ] {
        for (id, minutes) in [("young", 10), ("old", 70), ("older", 80), ("oldest", 90)] {
            fixture.store(id).await;
            fixture.put(state, id, &minutes_ago(minutes)).await;
        }
        let ids = fixture.queue.clean(HOUR, Some(2), word).await.unwrap();
        assert_eq!(ids, ["oldest", "older"]);
        let ids = fixture.queue.clean(HOUR, None, word).await.unwrap();
        assert_eq!(ids, ["old"]);
        let ids = fixture.queue.clean(HOUR, None, word).await.unwrap();
        assert!(ids.is_empty());
        assert_eq!(fixture.on("ZCARD", state, &[]).await, Reply::Int(1));
        assert_eq!(fixture.at("EXISTS", "young", &[]).await, Reply::Int(1));
        assert_eq!(fixture.at("EXISTS", "old", &[]).await, Reply::Int(0));
    }
    let once = [
        "event=cleaned count=2",
        "event=cleaned count=1",
        "event=cleaned count=0",
    ];
    assert_eq!(fixture.events().await, [once, once].concat());
}

#[tokio::test]
async fn other_jobs_are_as_old_as_their_last_start_or_their_addition() {
    let fixture = Fixture::new().await;
    let (young, old) = (minutes_ago(10), minutes_ago(70));
    for (state, word) in [
        (Suffix::Wait, JobState::Waiting),
        (Suffix::Paused, JobState::Waiting),
        (Suffix::Delayed, JobState::Delayed),
    ] {
        for (id, started, added) in [("a", &young, &old), ("b", &old, &old), ("c", &old, &young)] {
            fixture.store_in(state, id).await;
            let fields = ["timestamp", added, "processedOn", started];
            fixture.at("HSET", id, &fields).await;
        }
        for (id, added) in [("d", &young), ("e", &old)] {
            fixture.store_in(state, id).await;
            fixture.at("HSET", id, &["timestamp", added]).await;
        }
        let ids = fixture.queue.clean(HOUR, None, word).await.unwrap();
        assert_eq!(ids, ["b", "c", "e"], "{state:?}");
        fixture.on("DEL", state, &[]).await;
        fixture
            .connection
            .command("DEL", vec![fixture.keys.job("a"), fixture.keys.job("d")])
            .await
            .unwrap();
    }
    let once = "event=cleaned count=3";
    assert_eq!(fixture.events().await, [once, once, once]);
}

#[tokio::test]
async fn prioritized_jobs_are_as_old_as_their_addition() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Prioritized, "a").await;
    let (young, old) = (minutes_ago(10), minutes_ago(70));
    fixture
        .at("HSET", "a", &["timestamp", &old, "processedOn", &young])
        .await;
    let ids = fixture.queue.clean(HOUR, None, JobState::Prioritized);
    assert_eq!(ids.await.unwrap(), ["a"]);
}

#[tokio::test]
async fn active_jobs_go_only_if_no_worker_holds_them() {
    let fixture = Fixture::new().await;
    for id in ["held", "lost"] {
        fixture.store_in(Suffix::Active, id).await;
    }
    fixture.at("SET", "held:lock", &["token"]).await;
    let ids = fixture.queue.clean(AT_ONCE, None, JobState::Active);
    assert_eq!(ids.await.unwrap(), ["lost"]);
    assert_keyspace!(fixture, @"
    active: held
    events: 
      event=cleaned count=1
    held: name=n timestamp=1000
    held:lock: token
    ");
}

#[tokio::test]
async fn the_next_jobs_of_schedulers_stay_and_ids_without_a_job_go() {
    let fixture = Fixture::new().await;
    let id = "repeat:tick:5000";
    fixture.store_in(Suffix::Delayed, id).await;
    fixture.at("HSET", id, &["rjk", "tick"]).await;
    fixture.put(Suffix::Repeat, "tick", "5000").await;
    fixture.put(Suffix::Delayed, "ghost", "1").await;
    let ids = fixture.queue.clean(AT_ONCE, None, JobState::Delayed);
    assert_eq!(ids.await.unwrap(), ["ghost"]);
    assert_keyspace!(fixture, @"
    delayed: repeat:tick:5000=1000
    events: 
      event=cleaned count=1
    repeat: tick=5000
    repeat:tick:5000: name=n rjk=tick timestamp=1000
    ");
}

#[tokio::test]
async fn a_parent_in_this_queue_goes_too_and_ids_are_let_go() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    fixture.store_in(Suffix::Wait, "child").await;
    fixture.adopt("child", &fixture, "parent").await;
    fixture.at("HSET", "child", &["deid", "d"]).await;
    fixture.at("SET", "de:d", &["child"]).await;
    let ids = fixture.queue.clean(AT_ONCE, None, JobState::Waiting);
    assert_eq!(ids.await.unwrap(), ["child"]);
    assert_keyspace!(fixture, @"
    events: 
      event=cleaned count=1
    ");
}

#[tokio::test]
async fn thousands_of_jobs_are_one_event() {
    let fixture = Fixture::new().await;
    fixture.store_many(Suffix::Wait, 2000).await;
    fixture.store("young").await;
    fixture
        .at("HSET", "young", &["timestamp", "9999999999999"])
        .await;
    fixture.on("RPUSH", Suffix::Wait, &["young"]).await;
    fixture.store_many(Suffix::Completed, 2500).await;
    let ids = fixture.queue.clean(HOUR, Some(1500), JobState::Waiting);
    assert_eq!(ids.await.unwrap().len(), 1500);
    let ids = fixture.queue.clean(HOUR, None, JobState::Waiting);
    let ids = ids.await.unwrap();
    assert_eq!((ids.len(), ids[0].as_str()), (500, "job-1500"));
    let ids = fixture.queue.clean(HOUR, None, JobState::Completed);
    assert_eq!(ids.await.unwrap().len(), 2500);
    assert_keyspace!(fixture, @"
    events: 
      event=cleaned count=1500
      event=cleaned count=500
      event=cleaned count=2500
    wait: young
    young: name=n timestamp=9999999999999
    ");
}

#[tokio::test]
async fn jobs_that_wait_for_children_are_not_cleaned() {
    let fixture = Fixture::new().await;
    let cleaned = fixture
        .queue
        .clean(AT_ONCE, None, JobState::WaitingChildren);
    assert_eq!(
        told(cleaned.await),
        "state: jobs that wait for children can't be cleaned"
    );
}
