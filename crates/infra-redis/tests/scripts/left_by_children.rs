//! What a job's children have left goes with the job, whoever it is settled together with.

use super::settle_and_fetch::settlement;
use super::*;

#[tokio::test]
async fn what_children_left_goes_with_a_job_that_is_not_kept() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN, PLAIN, PLAIN]).await;
    fixture.at("HSET", "2:processed", &["k:1", "42"]).await;
    fixture.at("HSET", "3:failed", &["k:2", "it broke"]).await;
    fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    let jobs = [("1", "a"), ("2", "b"), ("3", "c")].map(|(id, token)| {
        let mut job = settlement("completed", id, token);
        job[6] = "0";
        job
    });
    assert_eq!(fixture.settle(NOW, &jobs).await, [0, 0, 0]);
    let left = fixture.keyspace().await;
    let keys = ["1", "2", "3"].map(|id| left.lines().any(|line| line.starts_with(id)));
    assert_eq!(keys, [false; 3], "{left}");
}
