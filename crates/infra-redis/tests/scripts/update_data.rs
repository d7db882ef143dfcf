use serde_json::json;

use super::setup::told;
use super::*;

#[tokio::test]
async fn the_data_changes_and_nobody_is_told() {
    let fixture = Fixture::new().await;
    fixture.store("a").await;
    let data = json!({"to": "Grace"});
    fixture.queue.update_data("a", &data).await.unwrap();
    assert_keyspace!(fixture, @r#"a: data={"to":"Grace"} name=n timestamp=1000"#);
}

#[tokio::test]
async fn a_job_that_is_gone_does_not_come_back() {
    let fixture = Fixture::new().await;
    assert_eq!(
        told(fixture.queue.update_data("gone", &json!(1)).await),
        "Missing key for job gone. updateData"
    );
    assert_keyspace!(fixture, @"");
}
