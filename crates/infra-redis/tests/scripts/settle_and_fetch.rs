use std::time::Duration;

use super::*;

/// A settlement of job `id`, held under `token`.
pub(super) fn settlement<'a>(kind: &'a str, id: &'a str, token: &'a str) -> [&'a str; 11] {
    let value = if kind == "completed" {
        "42"
    } else {
        "it broke"
    };
    [
        kind,
        id,
        token,
        value,
        r#"["Error: it broke"]"#,
        "3",
        "-1",
        "-1",
        "1000",
        "0",
        "0",
    ]
}

fn keeping<'a>(count: &'a str, mut settlement: [&'a str; 11]) -> [&'a str; 11] {
    settlement[6] = count;
    settlement
}

#[tokio::test]
async fn a_fetched_job_is_active_locked_and_announced() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    let fetched = fixture.fetch(NOW + 5, None, &["token"]).await;
    assert_eq!(fetched.ids, ["1"]);
    assert_keyspace!(fixture, @r#"
    1: ats=1 data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} pb=w1 priority=0 processedOn=1795507964681 timestamp=1795507964676
    1:lock (30s): token
    active: 1
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=active jobId=1 prev=waiting
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    "#);
}

#[tokio::test]
async fn waiting_jobs_come_before_prioritized_ones() {
    let fixture = Fixture::new().await;
    let prioritized = Add {
        priority: 1,
        ..PLAIN
    };
    fixture.add(&[prioritized, PLAIN]).await;
    let fetched = fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    assert_eq!(fetched.ids, ["2", "1"]);
}

#[tokio::test]
async fn no_more_jobs_are_taken_than_there_are_tokens_and_the_next_worker_is_woken() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN, PLAIN, PLAIN]).await;
    fixture.on("DEL", Suffix::Marker, &[]).await;
    assert_eq!(fixture.fetch(NOW, None, &["a", "b"]).await.ids, ["1", "2"]);
    assert_eq!(
        fixture.on("ZCARD", Suffix::Marker, &[]).await,
        Reply::Int(1)
    );
    fixture.on("DEL", Suffix::Marker, &[]).await;
    assert_eq!(fixture.fetch(NOW, None, &["c"]).await.ids, ["3"]);
    assert_eq!(
        fixture.on("ZCARD", Suffix::Marker, &[]).await,
        Reply::Int(0)
    );
}

#[tokio::test]
async fn an_id_without_a_job_is_dropped() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.on("RPUSH", Suffix::Wait, &["gone", "0:5"]).await;
    assert_eq!(fixture.fetch(NOW, None, &["a"]).await.ids, ["1"]);
    assert_eq!(
        text(&fixture.on("LINDEX", Suffix::Active, &["0"]).await),
        "1"
    );
    assert_eq!(fixture.on("LLEN", Suffix::Active, &[]).await, Reply::Int(1));
}

#[tokio::test]
async fn due_jobs_become_ready_each_at_its_priority() {
    let fixture = Fixture::new().await;
    let due = Add {
        delay: 1000,
        ..PLAIN
    };
    let prioritized = Add { priority: 4, ..due };
    fixture
        .add(&[
            due,
            prioritized,
            Add {
                delay: 2000,
                ..PLAIN
            },
        ])
        .await;
    let early = fixture.fetch(NOW + 999, None, &["a"]).await;
    assert!(early.ids.is_empty());
    assert_eq!(early.due, (NOW + 1000).to_string());
    let fetched = fixture.fetch(NOW + 1000, None, &["a"]).await;
    assert_eq!(fetched.ids, ["1"]);
    assert_keyspace!(fixture, @r#"
    1: ats=1 data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} pb=w1 priority=0 processedOn=1795507965676 timestamp=1795507964676
    1:lock (30s): a
    2: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=4 timestamp=1795507964676
    3: data={"to":"Ada"} delay=2000 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    active: 1
    delayed: 3=7354400631504896
    events: 
      event=added jobId=1 name=greet
      event=delayed jobId=1 delay=1795507965676
      event=added jobId=2 name=greet
      event=delayed jobId=2 delay=1795507965676
      event=added jobId=3 name=greet
      event=delayed jobId=3 delay=1795507966676
      event=waiting jobId=1 prev=delayed
      event=waiting jobId=2 prev=delayed
      event=active jobId=1 prev=waiting
    id: 3
    marker: 0=0 1=1795507965676
    meta: opts.maxLenEvents=10000
    pc: 1
    prioritized: 2=17179869185
    "#);
}

#[tokio::test]
async fn a_paused_queue_gives_no_job_and_still_promotes_due_ones() {
    let fixture = Fixture::new().await;
    fixture
        .add(&[Add {
            delay: 1000,
            ..PLAIN
        }])
        .await;
    fixture.queue.pause().await.unwrap();
    assert!(fixture.fetch(NOW + 1000, None, &["a"]).await.ids.is_empty());
    assert_eq!(fixture.on("LLEN", Suffix::Wait, &[]).await, Reply::Int(1));
}

#[tokio::test]
async fn global_concurrency_is_never_exceeded_by_one_call() {
    let fixture = Fixture::new().await;
    fixture
        .on("HSET", Suffix::Meta, &["concurrency", "2"])
        .await;
    fixture.add(&[PLAIN, PLAIN, PLAIN]).await;
    assert_eq!(
        fixture.fetch(NOW, None, &["a", "b", "c"]).await.ids,
        ["1", "2"]
    );
    assert!(fixture.fetch(NOW, None, &["d"]).await.ids.is_empty());
}

#[tokio::test]
async fn a_freed_place_wakes_another_worker_when_this_one_takes_nothing() {
    let fixture = Fixture::new().await;
    fixture
        .on("HSET", Suffix::Meta, &["concurrency", "1"])
        .await;
    fixture.add(&[PLAIN, PLAIN]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    fixture.on("DEL", Suffix::Marker, &[]).await;
    fixture
        .settle(NOW, &[settlement("completed", "1", "a")])
        .await;
    assert_eq!(
        fixture.on("ZCARD", Suffix::Marker, &[]).await,
        Reply::Int(1)
    );
}

#[tokio::test]
async fn the_rate_limit_counts_over_calls_and_its_window_starts_with_the_first_job() {
    let fixture = Fixture::new().await;
    let limit = Some(RateLimit {
        max: 2,
        window: Duration::from_secs(60),
    });
    fixture.add(&[PLAIN, PLAIN, PLAIN]).await;
    assert_eq!(
        fixture.fetch(NOW, limit, &["a", "b", "c"]).await.ids,
        ["1", "2"]
    );
    let limited = fixture.fetch(NOW, limit, &["d"]).await;
    assert!(limited.ids.is_empty());
    assert!(
        (50_000..=60_000).contains(&limited.limited_for),
        "{limited:?}"
    );
    let ttl = fixture.on("PTTL", Suffix::Limiter, &[]).await;
    assert!(matches!(ttl, Reply::Int(50_000..=60_000)), "{ttl:?}");
}

#[tokio::test]
async fn a_global_rate_limit_outranks_the_workers() {
    let fixture = Fixture::new().await;
    fixture
        .on("HSET", Suffix::Meta, &["max", "1", "duration", "500"])
        .await;
    fixture.add(&[PLAIN, PLAIN]).await;
    let own = Some(RateLimit {
        max: 2,
        window: Duration::from_secs(60),
    });
    assert_eq!(fixture.fetch(NOW, own, &["a", "b"]).await.ids, ["1"]);
    let ttl = fixture.on("PTTL", Suffix::Limiter, &[]).await;
    assert!(matches!(ttl, Reply::Int(50_000..=60_000)), "{ttl:?}");
}

#[tokio::test]
async fn a_job_that_fails_without_being_run_does_not_count_against_the_rate_limit() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    let key = fixture.keys.job("1");
    let args = [key, "defa".into(), "stalled too often".into()].to_vec();
    fixture.connection.command("HSET", args).await.unwrap();
    let limit = Some(RateLimit {
        max: 1,
        window: Duration::from_secs(60),
    });
    assert_eq!(fixture.fetch(NOW, limit, &["a"]).await.ids, ["1"]);
    assert_eq!(
        fixture.on("EXISTS", Suffix::Limiter, &[]).await,
        Reply::Int(0)
    );
}

#[tokio::test]
async fn a_completed_job_is_kept_with_its_value() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["token"]).await;
    let codes = fixture
        .settle(NOW + 9, &[settlement("completed", "1", "token")])
        .await;
    assert_eq!(codes, [0]);
    assert_keyspace!(fixture, @r#"
    1: atm=1 ats=1 data={"to":"Ada"} delay=0 finishedOn=1795507964685 name=greet opts={"attempts":3} pb=w1 priority=0 processedOn=1795507964676 returnvalue=42 timestamp=1795507964676
    completed: 1=1795507964685
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=active jobId=1 prev=waiting
      event=completed jobId=1 returnvalue=42 prev=active
      event=drained
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    "#);
}

#[tokio::test]
async fn a_failed_job_is_kept_with_its_reason_and_trace() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["token"]).await;
    let mut last = settlement("failed", "1", "token");
    last[5] = "1";
    assert_eq!(fixture.settle(NOW + 9, &[last]).await, [0]);
    assert_keyspace!(fixture, @r#"
    1: atm=1 ats=1 data={"to":"Ada"} delay=0 failedReason=it broke finishedOn=1795507964685 name=greet opts={"attempts":3} pb=w1 priority=0 processedOn=1795507964676 stacktrace=["Error: it broke"] timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=active jobId=1 prev=waiting
      event=failed jobId=1 failedReason=it broke prev=active
      event=retries-exhausted jobId=1 attemptsMade=1
      event=drained
    failed: 1=1795507964685
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    "#);
}

#[tokio::test]
async fn a_retry_goes_to_the_back_of_the_queue() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN, PLAIN]).await;
    fixture.fetch(NOW, None, &["token"]).await;
    assert_eq!(
        fixture
            .settle(NOW, &[settlement("retry", "1", "token")])
            .await,
        [0]
    );
    assert_keyspace!(fixture, @r#"
    1: atm=1 ats=1 data={"to":"Ada"} delay=0 failedReason=it broke name=greet opts={"attempts":3} pb=w1 priority=0 processedOn=1795507964676 stacktrace=["Error: it broke"] timestamp=1795507964676
    2: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=added jobId=2 name=greet
      event=waiting jobId=2
      event=active jobId=1 prev=waiting
      event=waiting jobId=1 prev=active
    id: 2
    marker: 0=0
    meta: opts.maxLenEvents=10000
    wait: 1 2
    "#);
}

#[tokio::test]
async fn a_retry_with_backoff_waits_among_the_delayed() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["token"]).await;
    let mut later = settlement("delay", "1", "token");
    later[9] = "2000";
    later[10] = "1";
    assert_eq!(fixture.settle(NOW, &[later]).await, [0]);
    assert_keyspace!(fixture, @r#"
    1: atm=1 ats=1 data={"to":"Ada"} delay=2000 failedReason=it broke name=greet opts={"attempts":3} pb=w1 priority=0 processedOn=1795507964676 stacktrace=["Error: it broke"] timestamp=1795507964676
    delayed: 1=7354400631504896
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=active jobId=1 prev=waiting
      event=delayed jobId=1 delay=1795507966676
    id: 1
    marker: 0=0 1=1795507966676
    meta: opts.maxLenEvents=10000
    "#);
}

#[tokio::test]
async fn a_job_that_is_put_off_keeps_its_attempts() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["token"]).await;
    let mut later = settlement("delay", "1", "token");
    later[9] = "2000";
    assert_eq!(fixture.settle(NOW, &[later]).await, [0]);
    let made = vec![
        fixture.keys.job("1"),
        "atm".to_owned(),
        "failedReason".to_owned(),
    ];
    let made = fixture.connection.command("HMGET", made).await.unwrap();
    assert_eq!(made, Reply::List(vec![Reply::Nil, Reply::Nil]));
}

#[tokio::test]
async fn a_job_that_is_handed_back_is_the_next_one_again_uncounted() {
    let fixture = Fixture::new().await;
    let prioritized = Add {
        priority: 3,
        ..PLAIN
    };
    fixture.add(&[PLAIN, PLAIN, prioritized, prioritized]).await;
    let taken = fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    assert_eq!(taken.ids, ["1", "2", "3"]);
    let back = [
        settlement("release", "3", "c"),
        settlement("release", "2", "b"),
        settlement("release", "1", "a"),
    ];
    assert_eq!(fixture.settle(NOW, &back).await, [0, 0, 0]);
    let again = fixture.fetch(NOW, None, &["d", "e", "f", "g"]).await;
    assert_eq!(again.ids, ["1", "2", "3", "4"]);
    let made = fixture
        .connection
        .command("HGET", vec![fixture.keys.job("1"), "atm".into()]);
    assert_eq!(made.await.unwrap(), Reply::Nil);
}

#[tokio::test]
async fn only_the_newest_finished_jobs_are_kept() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 3]).await;
    fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    let kept = [("1", "a"), ("2", "b"), ("3", "c")];
    let kept = kept.map(|(id, token)| keeping("2", settlement("completed", id, token)));
    assert_eq!(fixture.settle(NOW, &kept[..1]).await, [0]);
    assert_eq!(fixture.settle(NOW + 1, &kept[1..2]).await, [0]);
    assert_eq!(fixture.settle(NOW + 2, &kept[2..]).await, [0]);
    let completed = fixture.on("ZRANGE", Suffix::Completed, &["0", "-1"]).await;
    assert_eq!(
        completed,
        Reply::List(vec![Reply::Text("2".into()), Reply::Text("3".into())])
    );
    assert_eq!(fixture.queue.job("1").await.unwrap(), None);
}

#[tokio::test]
async fn finished_jobs_beyond_an_age_are_removed() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 2]).await;
    fixture.fetch(NOW, None, &["a", "b"]).await;
    fixture
        .settle(NOW, &[settlement("completed", "1", "a")])
        .await;
    let mut young = settlement("completed", "2", "b");
    young[7] = "5";
    fixture.settle(NOW + 5000, &[young]).await;
    assert_eq!(fixture.queue.job("1").await.unwrap(), None);
    assert!(fixture.queue.job("2").await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_that_is_not_to_be_kept_leaves_only_its_event() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["token"]).await;
    let dropped = keeping("0", settlement("completed", "1", "token"));
    assert_eq!(fixture.settle(NOW, &[dropped]).await, [0]);
    assert_keyspace!(fixture, @"
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=active jobId=1 prev=waiting
      event=completed jobId=1 returnvalue=42 prev=active
      event=drained
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    ");
}

#[tokio::test]
async fn a_settlement_without_the_lock_changes_nothing_and_stops_no_other() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 3]).await;
    fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    let lock = format!("{}:lock", fixture.keys.job("2"));
    fixture.connection.command("DEL", vec![lock]).await.unwrap();
    let codes = fixture
        .settle(
            NOW,
            &[
                settlement("completed", "1", "wrong"),
                settlement("completed", "2", "b"),
                settlement("completed", "gone", "x"),
                settlement("completed", "3", "c"),
                settlement("completed", "3", "c"),
            ],
        )
        .await;
    assert_eq!(codes, [-6, -2, -1, 0, -2]);
    let completed = fixture.on("ZRANGE", Suffix::Completed, &["0", "-1"]).await;
    assert_eq!(completed, Reply::List(vec![Reply::Text("3".into())]));
    assert_eq!(fixture.on("LLEN", Suffix::Active, &[]).await, Reply::Int(2));
}

#[tokio::test]
async fn a_locked_job_that_is_not_active_is_told_apart() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    fixture.on("DEL", Suffix::Active, &[]).await;
    assert_eq!(
        fixture
            .settle(NOW, &[settlement("completed", "1", "a")])
            .await,
        [-3]
    );
}

#[tokio::test]
async fn drained_is_told_once_and_not_while_a_delayed_job_waits() {
    let fixture = Fixture::new().await;
    let drained = async || {
        let keyspace = fixture.keyspace().await;
        keyspace.matches("event=drained").count()
    };
    fixture
        .add(&[
            PLAIN,
            PLAIN,
            Add {
                delay: 9000,
                ..PLAIN
            },
        ])
        .await;
    fixture.fetch(NOW, None, &["a", "b"]).await;
    fixture
        .settle_and_fetch(NOW, None, &[settlement("completed", "1", "a")], &["c"])
        .await;
    assert_eq!(drained().await, 0);
    fixture
        .settle_and_fetch(NOW, None, &[settlement("completed", "2", "b")], &["c"])
        .await;
    assert_eq!(drained().await, 0);
    fixture.fetch(NOW + 9000, None, &["d"]).await;
    fixture
        .settle_and_fetch(
            NOW + 9000,
            None,
            &[settlement("completed", "3", "d")],
            &["e"],
        )
        .await;
    assert_eq!(drained().await, 1);
    fixture.fetch(NOW + 9000, None, &["f"]).await;
    assert_eq!(drained().await, 1);
}
