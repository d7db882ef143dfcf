use super::*;
use crate::engine::DependencyCounts;

#[tokio::test]
async fn children_are_found_by_how_they_stand() {
    let fixture = Fixture::new().await;
    fixture.at("HSET", "p:processed", &["k:1", "42"]).await;
    fixture.at("SADD", "p:dependencies", &["k:2", "k:3"]).await;
    fixture.at("HSET", "p:failed", &["k:4", "bad"]).await;
    fixture.at("ZADD", "p:unsuccessful", &["1", "k:5"]).await;
    let queue = &fixture.queue;
    let mut all = queue.dependencies("p").await.unwrap();
    all.unprocessed.sort();
    assert_eq!(all.processed["k:1"], "42");
    assert_eq!(all.unprocessed, ["k:2", "k:3"]);
    assert_eq!(all.ignored["k:4"], "bad");
    assert_eq!(all.failed, ["k:5"]);
    assert_eq!(queue.children_values("p").await.unwrap(), all.processed);
    assert_eq!(queue.ignored_failures("p").await.unwrap(), all.ignored);
    let counts = DependencyCounts {
        processed: 1,
        unprocessed: 2,
        ignored: 1,
        failed: 1,
    };
    assert_eq!(queue.dependency_counts("p").await.unwrap(), counts);
    let none = DependencyCounts::default();
    assert_eq!(queue.dependency_counts("gone").await.unwrap(), none);
}
