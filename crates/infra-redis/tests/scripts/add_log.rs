use super::setup::told;
use super::*;
use crate::engine::Order;

#[tokio::test]
async fn lines_are_added_and_the_oldest_are_dropped_beyond_what_is_kept() {
    let fixture = Fixture::new().await;
    fixture.store("a").await;
    let queue = &fixture.queue;
    for (line, keep, count) in [
        ("1", None, 1),
        ("2", Some(5), 2),
        ("3", Some(2), 2),
        ("4", Some(0), 3),
    ] {
        assert_eq!(queue.add_log("a", line, keep).await.unwrap(), count);
    }
    assert_keyspace!(fixture, @"
    a: name=n timestamp=1000
    a:logs: 2 3 4
    ");
    let logs = async |range, order| {
        let logs = queue.logs("a", range, order).await.unwrap();
        (logs.lines.concat(), logs.total)
    };
    let all = 0..u64::MAX;
    let lines = |lines: &str, total| (lines.to_owned(), total);
    assert_eq!(logs(all.clone(), Order::OldestFirst).await, lines("234", 3));
    assert_eq!(logs(all.clone(), Order::NewestFirst).await, lines("432", 3));
    assert_eq!(logs(0..2, Order::OldestFirst).await, lines("23", 3));
    assert_eq!(logs(0..2, Order::NewestFirst).await, lines("43", 3));
    assert_eq!(logs(1..9, Order::NewestFirst).await, lines("32", 3));
    assert_eq!(logs(2..2, Order::NewestFirst).await, lines("", 3));
    queue.clear_logs("a", 1).await.unwrap();
    assert_eq!(logs(all.clone(), Order::OldestFirst).await, lines("4", 1));
    queue.clear_logs("a", 0).await.unwrap();
    assert_eq!(logs(all, Order::OldestFirst).await, lines("", 0));
}

#[tokio::test]
async fn a_job_that_is_gone_leaves_no_log() {
    let fixture = Fixture::new().await;
    assert_eq!(
        told(fixture.queue.add_log("gone", "line", None).await),
        "Missing key for job gone. addLog"
    );
    assert_keyspace!(fixture, @"");
}
