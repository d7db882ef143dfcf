use super::upsert_scheduler::{EVERY, Upsert};
use super::*;

#[tokio::test]
async fn a_scheduler_goes_with_its_delayed_job() {
    let fixture = Fixture::new().await;
    let delayed = Upsert {
        offset: Some(5000),
        ..EVERY
    };
    fixture.upsert(delayed).await;
    let removed = fixture.call(&scripts::REMOVE_SCHEDULER, ["beat"]).await;
    assert_eq!(removed, Reply::Int(0));
    assert_keyspace!(fixture, @"
    events: 
      event=added jobId=repeat:beat:1795507965000 name=greet
      event=delayed jobId=repeat:beat:1795507965000 delay=1795507965000
      event=removed jobId=repeat:beat:1795507965000 prev=delayed
    id: 1
    marker: 1=1795507965000
    meta: opts.maxLenEvents=10000
    ");
    let removed = fixture.call(&scripts::REMOVE_SCHEDULER, ["beat"]).await;
    assert_eq!(removed, Reply::Int(1));
}

#[tokio::test]
async fn a_job_that_is_ready_outlives_its_scheduler() {
    let fixture = Fixture::new().await;
    fixture.upsert(EVERY).await;
    let removed = fixture.call(&scripts::REMOVE_SCHEDULER, ["beat"]).await;
    assert_eq!(removed, Reply::Int(0));
    assert_keyspace!(fixture, @r#"
    events: 
      event=added jobId=repeat:beat:1795507964676 name=greet
      event=waiting jobId=repeat:beat:1795507964676
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    repeat:beat:1795507964676: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3,"jobId":"repeat:beat:1795507964676","delay":0} priority=0 rjk=beat timestamp=1795507964676
    wait: repeat:beat:1795507964676
    "#);
}
