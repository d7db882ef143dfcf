use super::*;
use crate::engine::JobCounts;

#[tokio::test]
async fn each_state_is_counted_and_what_a_5x_client_put_aside_waits() {
    let fixture = Fixture::new().await;
    let prioritized = Add {
        priority: 1,
        ..PLAIN
    };
    let delayed = Add {
        delay: 1000,
        ..PLAIN
    };
    fixture.add(&[PLAIN, PLAIN, prioritized, delayed]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    fixture.on("LPUSH", Suffix::Paused, &["old"]).await;
    fixture
        .on("ZADD", Suffix::Completed, &["1", "x", "2", "y"])
        .await;
    fixture.on("ZADD", Suffix::Failed, &["1", "z"]).await;
    fixture
        .on("ZADD", Suffix::WaitingChildren, &["1", "p"])
        .await;
    assert_eq!(
        fixture.queue.counts().await.unwrap(),
        JobCounts {
            waiting: 2,
            active: 1,
            prioritized: 1,
            delayed: 1,
            waiting_children: 1,
            completed: 2,
            failed: 1,
        }
    );
}
