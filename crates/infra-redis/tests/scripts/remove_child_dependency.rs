use super::setup::told;
use super::*;

#[tokio::test]
async fn the_job_stays_without_a_parent_which_runs() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    fixture.store_in(Suffix::Wait, "child").await;
    fixture.adopt("child", &fixture, "parent").await;
    assert!(
        fixture
            .queue
            .remove_child_dependency("child")
            .await
            .unwrap()
    );
    assert_keyspace!(fixture, @"
    child: name=n timestamp=1000
    events: 
      event=waiting jobId=parent prev=waiting-children
    marker: 0=0
    meta: opts.maxLenEvents=10000
    parent: name=n timestamp=1000
    wait: child parent
    ");
    assert!(
        !fixture
            .queue
            .remove_child_dependency("child")
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_child_that_is_done_keeps_its_parent() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Wait, "parent").await;
    fixture.store_in(Suffix::Completed, "child").await;
    fixture.adopt("child", &fixture, "parent").await;
    fixture.at("DEL", "parent:dependencies", &[]).await;
    assert!(
        !fixture
            .queue
            .remove_child_dependency("child")
            .await
            .unwrap()
    );
    assert_eq!(
        fixture.at("HEXISTS", "child", &["parentKey"]).await,
        Reply::Int(1)
    );
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let fixture = Fixture::new().await;
    assert_eq!(
        told(fixture.queue.remove_child_dependency("gone").await),
        "Missing key for job gone. removeChildDependency"
    );
    fixture.store_in(Suffix::Wait, "child").await;
    fixture.adopt("child", &fixture, "gone").await;
    assert_eq!(
        told(fixture.queue.remove_child_dependency("child").await),
        format!(
            "Missing key for parent job {}. removeChildDependency",
            fixture.keys.job("gone")
        )
    );
}
