use super::setup::told;
use super::*;

async fn change(fixture: &Fixture, id: &str, priority: u32, first: bool) {
    let changed = fixture.queue.change_priority(id, priority, first);
    changed.await.unwrap();
}

#[tokio::test]
async fn a_ready_job_moves_to_its_new_place_and_nobody_is_told() {
    let fixture = Fixture::new().await;
    let prioritized = Add {
        priority: 2,
        ..PLAIN
    };
    fixture.add(&[PLAIN, PLAIN, prioritized, prioritized]).await;
    fixture.on("DEL", Suffix::Marker, &[]).await;
    change(&fixture, "1", 2, true).await;
    assert_eq!(fixture.lines("marker").await, "");
    change(&fixture, "2", 2, false).await;
    change(&fixture, "3", 0, true).await;
    change(&fixture, "4", 0, false).await;
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=2 timestamp=1795507964676
    2: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=2 timestamp=1795507964676
    3: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    4: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=added jobId=2 name=greet
      event=waiting jobId=2
      event=added jobId=3 name=greet
      event=waiting jobId=3
      event=added jobId=4 name=greet
      event=waiting jobId=4
    id: 4
    marker: 0=0
    meta: opts.maxLenEvents=10000
    pc: 3
    prioritized: 1=8589934592 2=8589934595
    wait: 4 3
    "#);
}

#[tokio::test]
async fn any_other_job_keeps_its_place() {
    let fixture = Fixture::new().await;
    fixture
        .add(&[Add {
            delay: 1000,
            ..PLAIN
        }])
        .await;
    change(&fixture, "1", 5, false).await;
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=1000 name=greet opts={"attempts":3} priority=5 timestamp=1795507964676
    delayed: 1=7354400627408896
    events: 
      event=added jobId=1 name=greet
      event=delayed jobId=1 delay=1795507965676
    id: 1
    marker: 1=1795507965676
    meta: opts.maxLenEvents=10000
    "#);
}

#[tokio::test]
async fn a_missing_job_and_a_priority_beyond_the_highest_are_refused() {
    let fixture = Fixture::new().await;
    assert_eq!(
        told(fixture.queue.change_priority("gone", 1, false).await),
        "Missing key for job gone. changePriority"
    );
    assert_eq!(
        told(
            fixture
                .queue
                .change_priority("gone", 2_097_152, false)
                .await
        ),
        "priority: Priority should be between 0 and 2097151"
    );
    assert_keyspace!(fixture, @"");
}
