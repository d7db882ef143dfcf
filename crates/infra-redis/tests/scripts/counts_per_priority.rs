use super::*;

#[tokio::test]
async fn ready_jobs_are_counted_at_each_priority() {
    let fixture = Fixture::new().await;
    let at = |priority| Add { priority, ..PLAIN };
    fixture
        .add(&[PLAIN, at(1), at(1), at(3), at(2_097_151)])
        .await;
    // "First" has the lowest score of its priority.
    fixture.queue.change_priority("5", 2, true).await.unwrap();
    fixture.put(Suffix::Paused, "old", "").await;
    let counts = fixture.queue.counts_per_priority(&[3, 0, 1, 2, 4]);
    assert_eq!(counts.await.unwrap(), [1, 2, 2, 1, 0]);
    let none = fixture.queue.counts_per_priority(&[]).await.unwrap();
    assert!(none.is_empty());
}
