use super::*;

#[tokio::test]
async fn all_delayed_jobs_wait_those_first_that_are_due_first() {
    let fixture = Fixture::new().await;
    let [late, soon] = [2000, 1000].map(|delay| Add {
        delay,
        priority: 3,
        ..PLAIN
    });
    fixture.add(&[late, soon]).await;
    fixture.put(Suffix::Delayed, "ghost", "1").await;
    assert_eq!(fixture.queue.promote_all().await.unwrap(), 2);
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=2000 name=greet opts={"attempts":3} priority=3 timestamp=1795507964676
    2: data={"to":"Ada"} delay=1000 name=greet opts={"attempts":3} priority=3 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=delayed jobId=1 delay=1795507966676
      event=added jobId=2 name=greet
      event=delayed jobId=2 delay=1795507965676
      event=waiting jobId=2 prev=delayed
      event=waiting jobId=1 prev=delayed
    id: 2
    marker: 0=0 1=1795507965676
    meta: opts.maxLenEvents=10000
    wait: 1 2
    "#);
    assert_eq!(fixture.queue.promote_all().await.unwrap(), 0);
}

#[tokio::test]
async fn thousands_are_promoted_in_parts() {
    let fixture = Fixture::new().await;
    fixture.store_many(Suffix::Delayed, 2500).await;
    fixture.queue.pause().await.unwrap();
    assert_eq!(fixture.queue.promote_all().await.unwrap(), 2500);
    assert_eq!(
        fixture.on("LLEN", Suffix::Wait, &[]).await,
        Reply::Int(2500)
    );
    assert_eq!(fixture.lines("marker").await, "");
}
