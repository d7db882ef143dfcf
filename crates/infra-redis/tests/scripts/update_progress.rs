use serde_json::json;

use super::setup::told;
use super::*;

#[tokio::test]
async fn progress_of_any_form_is_noted_and_told_as_json() {
    let fixture = Fixture::new().await;
    fixture.store("a").await;
    for progress in [
        json!(42),
        json!("half"),
        json!(true),
        json!(null),
        json!([1]),
        json!({"done": "½"}),
    ] {
        fixture.queue.update_progress("a", &progress).await.unwrap();
    }
    assert_keyspace!(fixture, @r#"
    a: name=n progress={"done":"½"} timestamp=1000
    events: 
      event=progress jobId=a data=42
      event=progress jobId=a data="half"
      event=progress jobId=a data=true
      event=progress jobId=a data=null
      event=progress jobId=a data=[1]
      event=progress jobId=a data={"done":"½"}
    meta: opts.maxLenEvents=10000
    "#);
}

#[tokio::test]
async fn a_job_that_is_gone_does_not_come_back() {
    let fixture = Fixture::new().await;
    assert_eq!(
        told(fixture.queue.update_progress("gone", &1).await),
        "Missing key for job gone. updateProgress"
    );
    assert_keyspace!(fixture, @"");
}
