use super::settle_and_fetch::settlement;
use super::setup::told;
use super::*;
use crate::engine::Cancellation;

/// Cancels a job as of `NOW`, of which as many are kept as `rule` says.
async fn cancel(fixture: &Fixture, id: &str, rule: &str) -> Reply {
    let now = NOW.to_string();
    let args = [id, &now, "cancelled: by Ada", rule];
    fixture.call(&scripts::CANCEL_JOB, args).await
}

#[tokio::test]
async fn a_job_that_waits_fails_for_good_without_an_attempt() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN, PLAIN]).await;
    assert_eq!(cancel(&fixture, "1", "-1").await, Reply::Int(0));
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=0 failedReason=cancelled: by Ada finishedOn=1795507964676 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    2: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=added jobId=2 name=greet
      event=waiting jobId=2
      event=failed jobId=1 failedReason=cancelled: by Ada prev=wait
    failed: 1=1795507964676
    id: 2
    marker: 0=0
    meta: opts.maxLenEvents=10000
    wait: 2
    "#);
    assert_eq!(fixture.fetch(NOW, None, &["a", "b"]).await.ids, ["2"]);
}

#[tokio::test]
async fn a_job_fails_wherever_it_waits() {
    let delayed = Add {
        delay: 60_000,
        ..PLAIN
    };
    let prioritized = Add {
        priority: 3,
        ..PLAIN
    };
    for (add, place) in [(delayed, "delayed"), (prioritized, "prioritized")] {
        let fixture = Fixture::new().await;
        fixture.add(&[add]).await;
        assert_eq!(cancel(&fixture, "1", "-1").await, Reply::Int(0));
        let failed = format!("event=failed jobId=1 failedReason=cancelled: by Ada prev={place}");
        assert_eq!(fixture.events().await.last(), Some(&failed));
        assert_eq!(fixture.lines("failed").await, format!("failed: 1={NOW}"));
        assert_eq!(fixture.lines(place).await, "");
        assert_eq!(
            fixture.at("HGET", "1", &["delay"]).await,
            Reply::Text("0".into())
        );
    }
    for place in [Suffix::Wait, Suffix::Paused, Suffix::WaitingChildren] {
        let fixture = Fixture::new().await;
        fixture.store_in(place, "a").await;
        assert_eq!(cancel(&fixture, "a", "-1").await, Reply::Int(0));
        assert_eq!(fixture.lines("failed").await, format!("failed: a={NOW}"));
        assert_eq!(fixture.lines(place.as_str()).await, "");
    }
}

#[tokio::test]
async fn a_parent_that_is_cancelled_leaves_its_children_at_work() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    fixture.store_in(Suffix::Wait, "child").await;
    fixture.adopt("child", &fixture, "parent").await;
    cancel(&fixture, "parent", "-1").await;
    fixture.fetch(NOW, None, &["t"]).await;
    let settled = settlement("completed", "child", "t");
    assert_eq!(fixture.settle(NOW, &[settled]).await, [0]);
    assert_eq!(
        fixture.lines("failed").await,
        format!("failed: parent={NOW}")
    );
    assert_eq!(fixture.lines("wait").await, "");
}

#[tokio::test]
async fn its_parent_learns_of_it_as_of_any_failure() {
    for (policy, expected) in [
        ("fpof", "wait: parent"),
        ("cpof", "wait: parent"),
        ("idof", "wait: parent"),
        ("rdof", "wait: parent"),
        ("", "waiting-children: parent=1000"),
    ] {
        let fixture = Fixture::new().await;
        fixture.store_in(Suffix::WaitingChildren, "parent").await;
        fixture.store_in(Suffix::Delayed, "child").await;
        fixture.adopt("child", &fixture, "parent").await;
        let queue = fixture.keys.base().trim_end_matches(':');
        let json = if policy.is_empty() {
            format!(r#"{{"id":"parent","queueKey":"{queue}"}}"#)
        } else {
            format!(r#"{{"id":"parent","queueKey":"{queue}","{policy}":true}}"#)
        };
        fixture.at("HSET", "child", &["parent", &json]).await;
        assert_eq!(cancel(&fixture, "child", "-1").await, Reply::Int(0));
        let stands = fixture.lines("wait").await;
        assert_eq!(stands, expected, "{policy}");
        let fails = fixture.at("HGET", "parent", &["defa"]).await != Reply::Nil;
        assert_eq!(fails, policy == "fpof", "{policy}");
        let failed = fixture.at("HLEN", "parent:failed", &[]).await;
        let is_told = matches!(policy, "cpof" | "idof");
        assert_eq!(failed, Reply::Int(is_told.into()), "{policy}");
    }
}

#[tokio::test]
async fn only_so_many_are_kept_as_the_rule_says() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 4]).await;
    cancel(&fixture, "1", "2").await;
    cancel(&fixture, "2", "2").await;
    cancel(&fixture, "3", "2").await;
    assert_eq!(
        fixture.lines("failed").await,
        format!("failed: 2={NOW} 3={NOW}")
    );
    assert_eq!(fixture.at("EXISTS", "1", &[]).await, Reply::Int(0));
    cancel(&fixture, "4", "0").await;
    assert_eq!(fixture.at("EXISTS", "4", &[]).await, Reply::Int(0));
    assert_eq!(
        fixture.lines("failed").await,
        format!("failed: 2={NOW} 3={NOW}")
    );
}

#[tokio::test]
async fn a_deduplication_id_is_let_go() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Delayed, "a").await;
    fixture.at("HSET", "a", &["deid", "d"]).await;
    fixture.at("SET", "de:d", &["a"]).await;
    cancel(&fixture, "a", "-1").await;
    assert_eq!(fixture.lines("de:").await, "");
}

#[tokio::test]
async fn it_is_counted_where_workers_count() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 2]).await;
    cancel(&fixture, "1", "-1").await;
    assert_eq!(fixture.lines("metrics").await, "");
    fixture.at("HSET", "metrics:failed", &["count", "7"]).await;
    cancel(&fixture, "2", "-1").await;
    assert_eq!(fixture.lines("metrics").await, "metrics:failed: count=8");
}

#[tokio::test]
async fn an_active_job_gets_the_wish_and_its_place() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    assert_eq!(cancel(&fixture, "1", "-1").await, Reply::Int(1));
    assert_keyspace!(fixture, @r#"
    1: ats=1 data={"to":"Ada"} defa=cancelled: by Ada delay=0 name=greet opts={"attempts":3} pb=w1 priority=0 processedOn=1795507964676 timestamp=1795507964676
    1:lock (30s): a
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
async fn the_wish_outlives_every_way_back_and_waits_for_no_delay() {
    for kind in ["retry", "delay", "release", "wait-for-children"] {
        let fixture = Fixture::new().await;
        fixture.add(&[PLAIN]).await;
        fixture.fetch(NOW, None, &["a"]).await;
        fixture.at("SADD", "1:dependencies", &["bull:q:2"]).await;
        cancel(&fixture, "1", "-1").await;
        for flag in ["0", "1"] {
            let mut settled = settlement(kind, "1", "a");
            settled[9] = "60000";
            settled[10] = flag;
            assert_eq!(fixture.settle(NOW, &[settled]).await, [0], "{kind}");
            assert_eq!(fixture.lines("wait:").await, "wait: 1", "{kind}");
            let wish = fixture.at("HGET", "1", &["defa"]).await;
            assert_eq!(wish, Reply::Text("cancelled: by Ada".into()), "{kind}");
            fixture.fetch(NOW, None, &["a"]).await;
        }
    }
}

#[tokio::test]
async fn the_wish_goes_with_the_end_of_the_job_and_with_its_retry() {
    for kind in ["completed", "failed"] {
        let fixture = Fixture::new().await;
        fixture.add(&[PLAIN]).await;
        fixture.fetch(NOW, None, &["a"]).await;
        cancel(&fixture, "1", "-1").await;
        fixture.settle(NOW, &[settlement(kind, "1", "a")]).await;
        assert_eq!(fixture.at("HEXISTS", "1", &["defa"]).await, Reply::Int(0));
    }
    // As another client leaves it that completed the job.
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Completed, "a").await;
    fixture.at("HSET", "a", &["defa", "cancelled"]).await;
    let args = ["a", "completed", "0", "0"];
    fixture.call(&scripts::RETRY_JOB, args).await;
    assert_eq!(fixture.at("HEXISTS", "a", &["defa"]).await, Reply::Int(0));
}

#[tokio::test]
async fn neither_a_stall_nor_a_failing_child_replaces_the_wish() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    cancel(&fixture, "1", "-1").await;
    fixture.store_in(Suffix::Wait, "child").await;
    fixture.adopt("child", &fixture, "1").await;
    let queue = fixture.keys.base().trim_end_matches(':');
    let json = format!(r#"{{"id":"1","queueKey":"{queue}","fpof":true}}"#);
    fixture.at("HSET", "child", &["parent", &json]).await;
    cancel(&fixture, "child", "-1").await;
    fixture.at("DEL", "1:lock", &[]).await;
    for _ in 0..2 {
        fixture.on("DEL", Suffix::StalledCheck, &[]).await;
        let args = [NOW.to_string(), "30000".to_owned(), "0".to_owned()];
        fixture.call(&scripts::RECOVER_STALLED, args).await;
    }
    assert_eq!(fixture.lines("wait:").await, "wait: 1");
    let wish = fixture.at("HGET", "1", &["defa"]).await;
    assert_eq!(wish, Reply::Text("cancelled: by Ada".into()));
}

#[tokio::test]
async fn what_has_finished_or_is_missing_is_told_and_left_alone() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Completed, "done").await;
    fixture.store_in(Suffix::Failed, "broken").await;
    fixture.store("nowhere").await;
    let before = fixture.keyspace().await;
    let cancel = async |id| fixture.queue.cancel(id, None).await;
    assert_eq!(cancel("done").await.unwrap(), Cancellation::Finished);
    assert_eq!(cancel("broken").await.unwrap(), Cancellation::Finished);
    assert_eq!(cancel("gone").await.unwrap(), Cancellation::Missing);
    assert_eq!(
        told(cancel("nowhere").await),
        "Job nowhere is not in the waiting state. cancelJob"
    );
    assert_eq!(fixture.keyspace().await, before);
}

#[tokio::test]
async fn the_job_that_a_scheduler_waits_for_is_not_cancelled() {
    let fixture = Fixture::new().await;
    let id = "repeat:daily:5000";
    fixture.store_in(Suffix::Delayed, id).await;
    fixture.at("HSET", id, &["rjk", "daily"]).await;
    fixture.on("ZADD", Suffix::Repeat, &["5000", "daily"]).await;
    assert_eq!(cancel(&fixture, id, "-1").await, Reply::Int(-8));
    assert_ne!(fixture.lines("delayed").await, "");
}
