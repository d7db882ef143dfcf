use super::*;

#[tokio::test]
async fn an_id_is_let_go_by_its_name_or_by_the_job_that_holds_it() {
    let fixture = Fixture::new().await;
    let queue = &fixture.queue;
    for id in ["owner", "other"] {
        fixture.store(id).await;
        fixture.at("HSET", id, &["deid", "d"]).await;
    }
    fixture.store("plain").await;
    fixture.at("SET", "de:d", &["owner"]).await;
    for id in ["other", "plain", "gone"] {
        assert!(!queue.release_deduplication(id).await.unwrap());
    }
    assert_eq!(fixture.lines("de:").await, "de:d: owner");
    assert!(queue.release_deduplication("owner").await.unwrap());
    assert!(!queue.release_deduplication("owner").await.unwrap());
    fixture.at("SET", "de:d", &["other"]).await;
    assert!(queue.remove_deduplication_key("d").await.unwrap());
    assert!(!queue.remove_deduplication_key("d").await.unwrap());
    assert_eq!(fixture.lines("de:").await, "");
}
