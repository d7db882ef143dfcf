//! Bounds of `settle_and_fetch` that `docs/wire.md` states.

use super::*;

/// Completes job `id`, which is kept by these rules: count, age in seconds, limit.
fn completed<'a>(id: &'a str, token: &'a str, keep: [&'a str; 3]) -> [&'a str; 11] {
    let [count, age, limit] = keep;
    [
        "completed",
        id,
        token,
        "1",
        "[]",
        "1",
        count,
        age,
        limit,
        "0",
        "0",
    ]
}

#[tokio::test]
async fn at_most_three_hundred_due_jobs_become_ready_a_call() {
    let fixture = Fixture::new().await;
    fixture.store_many(Suffix::Delayed, 700).await;
    for left in [400, 100, 0] {
        fixture.fetch(NOW, None, &["a"]).await;
        let delayed = fixture.on("ZCARD", Suffix::Delayed, &[]).await;
        assert_eq!(delayed, Reply::Int(left));
    }
    let delay = fixture.at("HGET", "job-650", &["delay"]).await;
    assert_eq!(text(&delay), "0");
}

#[tokio::test]
async fn no_more_old_jobs_are_removed_a_finish_than_the_limit_says() {
    let fixture = Fixture::new().await;
    fixture.store_many(Suffix::Completed, 1500).await;
    fixture.add(&[PLAIN; 3]).await;
    fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    let kept = async || match fixture.on("ZCARD", Suffix::Completed, &[]).await {
        Reply::Int(count) => count,
        other => panic!("{other:?}"),
    };
    for (id, token, limit, left) in [
        ("1", "a", "200", 1301),
        ("2", "b", "1000", 302),
        ("3", "c", "1000", 3),
    ] {
        let settlement = completed(id, token, ["-1", "60", limit]);
        assert_eq!(fixture.settle(NOW, &[settlement]).await, [0]);
        assert_eq!(kept().await, left);
    }
    let events = fixture.events().await;
    assert!(!events.iter().any(|event| event.contains("removed")));
}

#[tokio::test]
async fn the_minutes_that_passed_are_closed_as_a_job_finishes() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 5]).await;
    fixture.fetch(NOW, None, &["a", "b", "c", "d", "e"]).await;
    let finish = async |now: u64, id: &str, token: &str| {
        let mut args = [&now.to_string(), "30000|::4|", "", "0", "1"]
            .map(String::from)
            .to_vec();
        args.extend(settlement_args(&completed(id, token, ["-1", "-1", "0"])));
        fixture.call_settle_and_fetch(&args).await;
        fixture.lines("metrics").await
    };
    // 44.676 s into a minute.
    assert_eq!(
        finish(NOW, "1", "a").await,
        format!("metrics:completed: count=1 prevCount=0 prevTS={NOW}")
    );
    assert_eq!(
        finish(NOW + 1000, "2", "b").await,
        format!("metrics:completed: count=2 prevCount=0 prevTS={NOW}")
    );
    let third = NOW + 3 * 60_000;
    assert_eq!(
        finish(third, "3", "c").await,
        format!(
            "metrics:completed: count=3 prevCount=2 prevTS={third}\nmetrics:completed:data: 0 0 2"
        )
    );
    let fourth = third + 60_000;
    assert_eq!(
        finish(fourth, "4", "d").await,
        format!(
            "metrics:completed: count=4 prevCount=3 prevTS={fourth}\n\
             metrics:completed:data: 1 0 0 2"
        )
    );
    // No more than four are kept, however long ago the last one is.
    let fifth = fourth + 60 * 60_000;
    assert_eq!(
        finish(fifth, "5", "e").await,
        format!(
            "metrics:completed: count=5 prevCount=4 prevTS={fifth}\n\
             metrics:completed:data: 0 0 0 1"
        )
    );
}
