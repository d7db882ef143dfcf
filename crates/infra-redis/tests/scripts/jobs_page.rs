use super::*;
use crate::engine::{JobState, Order};

async fn ids(
    fixture: &Fixture,
    states: &[JobState],
    range: std::ops::Range<u64>,
    order: Order,
) -> Vec<String> {
    let jobs = fixture.queue.jobs(states, range, order).await.unwrap();
    jobs.into_iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn the_waiting_ones_are_listed_in_the_order_in_which_they_run_or_backwards() {
    let fixture = Fixture::new().await;
    for id in ["c", "d", "e"] {
        fixture.store_in(Suffix::Wait, id).await;
    }
    // What a 5.x client put aside runs first.
    for id in ["a", "b"] {
        fixture.store_in(Suffix::Paused, id).await;
    }
    let waiting = [JobState::Waiting];
    let list = async |range, order| ids(&fixture, &waiting, range, order).await.concat();
    assert_eq!(list(0..100, Order::OldestFirst).await, "abcde");
    assert_eq!(list(1..4, Order::OldestFirst).await, "bcd");
    assert_eq!(list(3..9, Order::OldestFirst).await, "de");
    assert_eq!(list(0..100, Order::NewestFirst).await, "edcba");
    assert_eq!(list(1..4, Order::NewestFirst).await, "dcb");
    assert_eq!(list(7..9, Order::NewestFirst).await, "");
    assert_eq!(list(2..2, Order::NewestFirst).await, "");
}

#[tokio::test]
async fn states_follow_each_other_and_ids_without_a_job_are_left_out() {
    let fixture = Fixture::new().await;
    for (id, score) in [("a", "1"), ("ghost", "2"), ("b", "3")] {
        fixture.put(Suffix::Failed, id, score).await;
    }
    fixture.store("a").await;
    fixture.store("b").await;
    fixture.store_in(Suffix::Active, "c").await;
    let states = [JobState::Failed, JobState::Active, JobState::Delayed];
    let list = async |order| ids(&fixture, &states, 0..10, order).await.concat();
    assert_eq!(list(Order::NewestFirst).await, "bac");
    assert_eq!(list(Order::OldestFirst).await, "abc");
}

#[tokio::test]
async fn a_long_list_is_read_in_pages() {
    let fixture = Fixture::new().await;
    fixture.store_many(Suffix::Wait, 250).await;
    let waiting = [JobState::Waiting];
    let all = ids(&fixture, &waiting, 0..u64::MAX, Order::OldestFirst).await;
    let expected: Vec<_> = (0..250).map(|n| format!("job-{n}")).collect();
    assert_eq!(all, expected);
    let part = ids(&fixture, &waiting, 30..240, Order::OldestFirst).await;
    assert_eq!(part, expected[30..240]);
}

#[tokio::test]
async fn every_field_is_read() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Active, "a").await;
    let fields = "delay 10.699999999999999 priority 3 progress 42 parentKey p:q:1 rjk tick deid d defa bad pb w1";
    let fields: Vec<_> = fields.split(' ').collect();
    fixture.at("HSET", "a", &fields).await;
    let job = fixture.queue.job("a").await.unwrap().unwrap();
    assert_eq!((job.delay, job.priority), (10, 3));
    let texts = [
        job.progress,
        job.parent_key,
        job.scheduler_id,
        job.deduplication_id,
        job.deferred_failure,
        job.processed_by,
    ];
    let expected = ["42", "p:q:1", "tick", "d", "bad", "w1"];
    assert_eq!(texts, expected.map(|text| Some(text.to_owned())));
}
