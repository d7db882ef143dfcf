use super::setup::told;
use super::*;
use crate::engine::{FinishedState, RetryReset};

const KEEP: RetryReset = RetryReset {
    attempts_made: false,
    attempts_started: false,
};

async fn finish(fixture: &Fixture, state: Suffix, id: &str) {
    fixture.store_in(state, id).await;
    let fields =
        "finishedOn 5 processedOn 4 failedReason bad returnvalue 1 atm 2 ats 3 stacktrace []";
    let fields: Vec<_> = fields.split(' ').collect();
    fixture.at("HSET", id, &fields).await;
}

#[tokio::test]
async fn a_failed_job_forgets_its_end_and_keeps_its_attempts() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Wait, "before").await;
    finish(&fixture, Suffix::Failed, "a").await;
    let retried = fixture.queue.retry("a", FinishedState::Failed, KEEP);
    retried.await.unwrap();
    assert_keyspace!(fixture, @"
    a: atm=2 ats=3 name=n returnvalue=1 stacktrace=[] timestamp=1000
    before: name=n timestamp=1000
    events: 
      event=waiting jobId=a prev=failed
    marker: 0=0
    meta: opts.maxLenEvents=10000
    wait: a before
    ");
}

#[tokio::test]
async fn a_completed_job_forgets_its_attempts_if_asked_and_keeps_its_priority() {
    let fixture = Fixture::new().await;
    finish(&fixture, Suffix::Completed, "a").await;
    fixture.at("HSET", "a", &["priority", "2"]).await;
    let reset = RetryReset {
        attempts_made: true,
        attempts_started: true,
    };
    let retried = fixture.queue.retry("a", FinishedState::Completed, reset);
    retried.await.unwrap();
    assert_keyspace!(fixture, @"
    a: failedReason=bad name=n priority=2 stacktrace=[] timestamp=1000
    events: 
      event=waiting jobId=a prev=completed
    marker: 0=0
    meta: opts.maxLenEvents=10000
    pc: 1
    prioritized: a=8589934593
    ");
}

#[tokio::test]
async fn a_lifo_job_goes_first_and_a_paused_queue_is_not_woken() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Wait, "before").await;
    finish(&fixture, Suffix::Failed, "a").await;
    fixture.at("HSET", "a", &["opts", r#"{"lifo":true}"#]).await;
    fixture.queue.pause().await.unwrap();
    let retried = fixture.queue.retry("a", FinishedState::Failed, KEEP);
    retried.await.unwrap();
    assert_eq!(fixture.lines("wait").await, "wait: before a");
    assert_eq!(fixture.lines("marker").await, "");
}

#[tokio::test]
async fn a_job_that_is_missing_or_in_another_state_is_told() {
    let fixture = Fixture::new().await;
    let failed = fixture.queue.retry("gone", FinishedState::Failed, KEEP);
    assert_eq!(told(failed.await), "Missing key for job gone. reprocessJob");
    finish(&fixture, Suffix::Failed, "a").await;
    let before = fixture.keyspace().await;
    let completed = fixture.queue.retry("a", FinishedState::Completed, KEEP);
    assert_eq!(
        told(completed.await),
        "Job a is not in the completed state. reprocessJob"
    );
    assert_eq!(fixture.keyspace().await, before);
}

#[tokio::test]
async fn the_parent_waits_for_it_again() {
    let fixture = Fixture::new().await;
    let parents = fixture.beside();
    parents.store_in(Suffix::WaitingChildren, "parent").await;
    for (id, state, place, command) in [
        ("ignored", FinishedState::Failed, "failed", "HSET"),
        ("broken", FinishedState::Failed, "unsuccessful", "ZADD"),
        ("done", FinishedState::Completed, "processed", "HSET"),
        ("unknown", FinishedState::Completed, "other", "HSET"),
    ] {
        let structure = match state {
            FinishedState::Failed => Suffix::Failed,
            FinishedState::Completed => Suffix::Completed,
        };
        finish(&fixture, structure, id).await;
        fixture.adopt(id, &parents, "parent").await;
        let key = fixture.keys.job(id);
        parents.at("SREM", "parent:dependencies", &[&key]).await;
        let args = if command == "ZADD" {
            ["5", &key]
        } else {
            [&key, "1"]
        };
        parents.at(command, &format!("parent:{place}"), &args).await;
        fixture.queue.retry(id, state, KEEP).await.unwrap();
    }
    let base = fixture.keys.base().trim_end_matches(':');
    let keyspace = parents.keyspace().await.replace(base, "CHILDREN");
    insta::assert_snapshot!(keyspace, @"
    parent: name=n timestamp=1000
    parent:dependencies: CHILDREN:broken CHILDREN:done CHILDREN:ignored
    parent:other: CHILDREN:unknown=1
    waiting-children: parent=1000
    ");
}
