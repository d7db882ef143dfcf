use super::*;
use crate::engine::FinishedState;

#[tokio::test]
async fn jobs_that_finished_until_then_wait_again_whatever_their_priority() {
    let fixture = Fixture::new().await;
    for (id, finished_on) in [("a", "5"), ("b", "6"), ("c", "7")] {
        fixture.store(id).await;
        let fields = [
            "finishedOn",
            finished_on,
            "failedReason",
            "bad",
            "atm",
            "2",
            "priority",
            "4",
        ];
        fixture.at("HSET", id, &fields).await;
        fixture.put(Suffix::Failed, id, finished_on).await;
    }
    fixture.put(Suffix::Failed, "ghost", "5").await;
    let retried = fixture.queue.retry_all(FinishedState::Failed, Some(6));
    assert_eq!(retried.await.unwrap(), 2);
    assert_keyspace!(fixture, @"
    a: atm=2 name=n priority=4 timestamp=1000
    b: atm=2 name=n priority=4 timestamp=1000
    c: atm=2 failedReason=bad finishedOn=7 name=n priority=4 timestamp=1000
    events: 
      event=waiting jobId=a prev=failed
      event=waiting jobId=b prev=failed
    failed: c=7
    marker: 0=0
    meta: opts.maxLenEvents=10000
    wait: b a
    ");
    let retried = fixture.queue.retry_all(FinishedState::Failed, Some(6));
    assert_eq!(retried.await.unwrap(), 0);
}

#[tokio::test]
async fn their_parents_wait_for_them_again() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Wait, "parent").await;
    fixture.store_in(Suffix::Completed, "child").await;
    fixture.adopt("child", &fixture, "parent").await;
    fixture.at("DEL", "parent:dependencies", &[]).await;
    let key = fixture.keys.job("child");
    fixture.at("HSET", "parent:processed", &[&key, "1"]).await;
    let retried = fixture.queue.retry_all(FinishedState::Completed, None);
    assert_eq!(retried.await.unwrap(), 1);
    assert_eq!(
        fixture.lines("parent:dependencies").await,
        "parent:dependencies: QUEUE:child"
    );
}

#[tokio::test]
async fn thousands_are_retried_in_parts() {
    let fixture = Fixture::new().await;
    fixture.store_many(Suffix::Completed, 2500).await;
    let retried = fixture.queue.retry_all(FinishedState::Completed, None);
    assert_eq!(retried.await.unwrap(), 2500);
    assert_eq!(
        fixture.on("LLEN", Suffix::Wait, &[]).await,
        Reply::Int(2500)
    );
}
