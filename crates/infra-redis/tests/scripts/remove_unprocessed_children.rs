use super::*;

async fn parent_of(fixture: &Fixture, children: &[(&str, Suffix)]) {
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    for (child, state) in children {
        fixture.store_in(*state, child).await;
        fixture.adopt(child, fixture, "parent").await;
    }
}

#[tokio::test]
async fn children_that_a_worker_holds_or_that_failed_stay() {
    let fixture = Fixture::new().await;
    let children = [
        ("ready", Suffix::Wait),
        ("later", Suffix::Delayed),
        ("held", Suffix::Active),
        ("broken", Suffix::Failed),
    ];
    parent_of(&fixture, &children).await;
    fixture.at("SET", "held:lock", &["token"]).await;
    let removed = fixture.queue.remove_unprocessed_children("parent");
    removed.await.unwrap();
    assert_keyspace!(fixture, @r#"
    active: held
    broken: name=n parent={"id":"parent","queueKey":"QUEUE"} parentKey=QUEUE:parent timestamp=1000
    events: 
      event=removed jobId=ready prev=wait
      event=removed jobId=later prev=delayed
    failed: broken=1000
    held: name=n parent={"id":"parent","queueKey":"QUEUE"} parentKey=QUEUE:parent timestamp=1000
    held:lock: token
    meta: opts.maxLenEvents=10000
    parent: name=n timestamp=1000
    parent:dependencies: QUEUE:broken QUEUE:held
    waiting-children: parent=1000
    "#);
}

#[tokio::test]
async fn the_parent_runs_if_no_child_is_left() {
    let fixture = Fixture::new().await;
    parent_of(&fixture, &[("one", Suffix::Wait), ("two", Suffix::Delayed)]).await;
    let removed = fixture.queue.remove_unprocessed_children("parent");
    removed.await.unwrap();
    assert_keyspace!(fixture, @"
    events: 
      event=removed jobId=one prev=wait
      event=waiting jobId=parent prev=waiting-children
      event=removed jobId=two prev=delayed
    marker: 0=0
    meta: opts.maxLenEvents=10000
    parent: name=n timestamp=1000
    wait: parent
    ");
}

#[tokio::test]
async fn a_thousand_children_and_more_are_removed_and_of_no_job_none() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    fixture.store_many(Suffix::Wait, 1500).await;
    for n in 0..1500 {
        fixture.adopt(&format!("job-{n}"), &fixture, "parent").await;
    }
    let removed = fixture.queue.remove_unprocessed_children("parent");
    removed.await.unwrap();
    assert_eq!(fixture.lines("wait").await, "wait: parent");
    fixture
        .queue
        .remove_unprocessed_children("gone")
        .await
        .unwrap();
}
