use std::time::Duration;

use super::setup::told;
use super::*;

#[tokio::test]
async fn a_delayed_job_is_due_so_long_from_now() {
    let fixture = Fixture::new().await;
    let delayed = Add {
        delay: 5000,
        ..PLAIN
    };
    fixture.add(&[delayed, delayed]).await;
    let args = ["1", "1000", &(NOW + 500).to_string()].map(str::to_owned);
    let code = fixture.call(&scripts::CHANGE_DELAY, args).await;
    assert_eq!(code, Reply::Int(0));
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=1000 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    2: data={"to":"Ada"} delay=5000 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    delayed: 1=7354400629456896 2=7354400643792897
    events: 
      event=added jobId=1 name=greet
      event=delayed jobId=1 delay=1795507969676
      event=added jobId=2 name=greet
      event=delayed jobId=2 delay=1795507969676
      event=delayed jobId=1 delay=1795507966176
    id: 2
    marker: 1=1795507966176
    meta: opts.maxLenEvents=10000
    "#);
}

#[tokio::test]
async fn a_job_that_is_missing_or_not_delayed_is_told() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    let before = fixture.keyspace().await;
    let delay = Duration::from_secs(1);
    assert_eq!(
        told(fixture.queue.change_delay("gone", delay).await),
        "Missing key for job gone. changeDelay"
    );
    assert_eq!(
        told(fixture.queue.change_delay("1", delay).await),
        "Job 1 is not in the delayed state. changeDelay"
    );
    assert_eq!(fixture.keyspace().await, before);
}
