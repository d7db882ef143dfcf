use super::*;

#[tokio::test]
async fn a_job_is_stored_queued_and_announced() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.add(&[PLAIN]).await, ["1"]);
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    wait: 1
    "#);
}

#[tokio::test]
async fn ids_are_exact_whole_numbers_however_large() {
    let fixture = Fixture::new().await;
    for before in [
        2_147_483_646_u64,
        999_999_999_999_999,
        9_007_199_254_740_988,
    ] {
        fixture.on("SET", Suffix::Id, &[&before.to_string()]).await;
        let next = |n: u64| (before + n).to_string();
        assert_eq!(fixture.add(&[PLAIN]).await, [next(1)]);
        assert_eq!(fixture.add(&[PLAIN, PLAIN]).await, [next(2), next(3)]);
    }
}

#[tokio::test]
async fn jobs_of_one_call_keep_their_order_and_lifo_goes_first() {
    let fixture = Fixture::new().await;
    let lifo = Add {
        lifo: true,
        ..PLAIN
    };
    assert_eq!(fixture.add(&[PLAIN, PLAIN, lifo]).await, ["1", "2", "3"]);
    let fetched = fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    assert_eq!(fetched.ids, ["3", "1", "2"]);
}

#[tokio::test]
async fn prioritized_jobs_keep_their_order_within_a_priority() {
    let fixture = Fixture::new().await;
    let [low, high] = [2, 1].map(|priority| Add { priority, ..PLAIN });
    fixture.add(&[low, high, high]).await;
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=2 timestamp=1795507964676
    2: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=1 timestamp=1795507964676
    3: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=1 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=added jobId=2 name=greet
      event=waiting jobId=2
      event=added jobId=3 name=greet
      event=waiting jobId=3
    id: 3
    marker: 0=0
    meta: opts.maxLenEvents=10000
    pc: 3
    prioritized: 2=4294967298 3=4294967299 1=8589934593
    "#);
}

#[tokio::test]
async fn delayed_jobs_due_in_one_millisecond_keep_their_order() {
    let fixture = Fixture::new().await;
    let delayed = Add {
        delay: 1000,
        ..PLAIN
    };
    fixture.add(&[delayed, delayed, delayed]).await;
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=1000 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    2: data={"to":"Ada"} delay=1000 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    3: data={"to":"Ada"} delay=1000 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    delayed: 1=7354400627408896 2=7354400627408897 3=7354400627408898
    events: 
      event=added jobId=1 name=greet
      event=delayed jobId=1 delay=1795507965676
      event=added jobId=2 name=greet
      event=delayed jobId=2 delay=1795507965676
      event=added jobId=3 name=greet
      event=delayed jobId=3 delay=1795507965676
    id: 3
    marker: 1=1795507965676
    meta: opts.maxLenEvents=10000
    "#);
}

#[tokio::test]
async fn a_custom_id_in_use_adds_nothing_and_says_so() {
    let fixture = Fixture::new().await;
    let custom = Add {
        id: "mine",
        ..PLAIN
    };
    assert_eq!(fixture.add(&[custom]).await, ["mine"]);
    assert_eq!(fixture.add(&[custom, PLAIN]).await, ["mine", "3"]);
    assert_keyspace!(fixture, @r#"
    3: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    events: 
      event=added jobId=mine name=greet
      event=waiting jobId=mine
      event=duplicated jobId=mine
      event=added jobId=3 name=greet
      event=waiting jobId=3
    id: 3
    marker: 0=0
    meta: opts.maxLenEvents=10000
    mine: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    wait: 3 mine
    "#);
}

#[tokio::test]
async fn a_paused_queue_takes_jobs_and_wakes_nobody_but_for_delayed_ones() {
    let fixture = Fixture::new().await;
    fixture.queue.pause().await.unwrap();
    let delayed = Add {
        delay: 1000,
        ..PLAIN
    };
    fixture.add(&[PLAIN, delayed]).await;
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    2: data={"to":"Ada"} delay=1000 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    delayed: 2=7354400627408896
    events: 
      event=paused
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=added jobId=2 name=greet
      event=delayed jobId=2 delay=1795507965676
    id: 2
    marker: 1=1795507965676
    meta: opts.maxLenEvents=10000 paused=1
    wait: 1
    "#);
}

#[tokio::test]
async fn a_limit_of_events_that_is_set_is_kept() {
    let fixture = Fixture::new().await;
    fixture
        .on("HSET", Suffix::Meta, &["opts.maxLenEvents", "7"])
        .await;
    fixture.add(&[PLAIN]).await;
    let limit = fixture
        .on("HGET", Suffix::Meta, &["opts.maxLenEvents"])
        .await;
    assert_eq!(text(&limit), "7");
}
