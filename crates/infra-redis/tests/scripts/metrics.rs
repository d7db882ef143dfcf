use super::*;
use crate::engine::{FinishedState, Metrics};

#[tokio::test]
async fn the_counter_and_the_minutes_asked_for_are_read() {
    let fixture = Fixture::new().await;
    let fields = ["count", "9", "prevTS", "1000", "prevCount", "7"];
    fixture.at("HSET", "metrics:completed", &fields).await;
    let points = ["1", "0", "6"];
    fixture.at("RPUSH", "metrics:completed:data", &points).await;
    let metrics = async |state, range| fixture.queue.metrics(state, range).await.unwrap();
    let expected = Metrics {
        count: 9,
        previous_time: 1000,
        previous_count: 7,
        points: vec![1, 0, 6],
        total_points: 3,
    };
    let completed = FinishedState::Completed;
    assert_eq!(metrics(completed, 0..u64::MAX).await, expected);
    assert_eq!(metrics(completed, 1..2).await.points, [0]);
    assert!(metrics(completed, 0..0).await.points.is_empty());
    assert_eq!(
        metrics(FinishedState::Failed, 0..9).await,
        Metrics::default()
    );
}
