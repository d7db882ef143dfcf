use super::setup::told;
use super::*;

#[tokio::test]
async fn a_delayed_job_is_ready_at_its_priority() {
    let fixture = Fixture::new().await;
    let delayed = Add {
        delay: 1000,
        ..PLAIN
    };
    fixture
        .add(&[
            delayed,
            Add {
                priority: 3,
                ..delayed
            },
            PLAIN,
        ])
        .await;
    fixture.on("DEL", Suffix::Marker, &[]).await;
    fixture.queue.promote("1").await.unwrap();
    fixture.queue.promote("2").await.unwrap();
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    2: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=3 timestamp=1795507964676
    3: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=delayed jobId=1 delay=1795507965676
      event=added jobId=2 name=greet
      event=delayed jobId=2 delay=1795507965676
      event=added jobId=3 name=greet
      event=waiting jobId=3
      event=waiting jobId=1 prev=delayed
      event=waiting jobId=2 prev=delayed
    id: 3
    marker: 0=0
    meta: opts.maxLenEvents=10000
    pc: 1
    prioritized: 2=12884901889
    wait: 1 3
    "#);
}

#[tokio::test]
async fn a_paused_queue_is_not_woken() {
    let fixture = Fixture::new().await;
    fixture
        .add(&[Add {
            delay: 1000,
            ..PLAIN
        }])
        .await;
    fixture.queue.pause().await.unwrap();
    fixture.queue.promote("1").await.unwrap();
    assert_eq!(fixture.lines("marker").await, "");
}

#[tokio::test]
async fn a_job_that_is_not_delayed_stays_where_it_is() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    let before = fixture.keyspace().await;
    for id in ["1", "gone"] {
        assert_eq!(
            told(fixture.queue.promote(id).await),
            format!("Job {id} is not in the delayed state. promote")
        );
    }
    assert_eq!(fixture.keyspace().await, before);
}

#[tokio::test]
async fn an_id_without_a_job_is_dropped() {
    let fixture = Fixture::new().await;
    fixture.put(Suffix::Delayed, "ghost", "1").await;
    assert_eq!(
        told(fixture.queue.promote("ghost").await),
        "Missing key for job ghost. promote"
    );
    assert_keyspace!(fixture, @"");
}
