//! What limits a whole queue holds over all of its workers, whosever they are.

use std::num::NonZeroU32;
use std::time::Duration;

use infra_redis::engine::{RateLimit, WorkerSettings};
use serde_json::json;

use super::{Fleet, events, quick, until_asleep, woken_only, woken_only_options};

const HOLD: Duration = Duration::from_millis(20);

#[tokio::test]
async fn the_global_concurrency_holds_for_a_mixed_fleet() {
    const MOST: u32 = 5;
    let Some(mut fleet) = Fleet::gather().await else {
        return;
    };
    let most = NonZeroU32::new(MOST).unwrap();
    fleet.test.queue.set_global_concurrency(most).await.unwrap();
    // Six slots for five jobs: however they are taken, everybody has one.
    let settings = WorkerSettings {
        concurrency: 2,
        ..woken_only()
    };
    let mut options = woken_only_options();
    options["concurrency"] = json!(2);
    let (ours, told) = fleet.work(HOLD, options, settings).await;
    until_asleep(&fleet.test, 3).await;
    for n in 0..100 {
        fleet.test.add(json!(n)).await;
    }
    fleet.test.until_completed(100).await;
    let shares = fleet.stop(ours, told).await.map(|part| part.len());
    assert_eq!(shares.iter().sum::<usize>(), 100);
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");

    // The stream has the order in which the server let jobs start and end.
    let (mut running, mut highest) = (0_u32, 0);
    for entry in events(&fleet.test).await {
        if entry.is("active") {
            running += 1;
        } else if entry.is("completed") {
            running -= 1;
        }
        highest = highest.max(running);
    }
    assert_eq!(highest, MOST);
}

#[tokio::test]
async fn the_rate_limit_holds_for_a_mixed_fleet() {
    const MAX: usize = 6;
    const WINDOW: u64 = 400;
    let Some(mut fleet) = Fleet::gather().await else {
        return;
    };
    for n in 0..30 {
        fleet.test.add(json!(n)).await;
    }
    let settings = WorkerSettings {
        concurrency: 2,
        rate_limit: Some(RateLimit {
            max: u32::try_from(MAX).unwrap(),
            window: Duration::from_millis(WINDOW),
        }),
        ..quick()
    };
    let options = json!({"concurrency": 2, "limiter": {"max": MAX, "duration": WINDOW}});
    let (ours, told) = fleet.work(HOLD * 5, options, settings).await;
    fleet.test.until_completed(30).await;
    let shares = fleet.stop(ours, told).await.map(|part| part.len());
    assert_eq!(shares.iter().sum::<usize>(), 30);
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");

    let starts: Vec<_> = events(&fleet.test)
        .await
        .into_iter()
        .filter(|entry| entry.is("active"))
        .map(|entry| entry.time)
        .collect();
    // In the millisecond in which a window ends, a start may belong to it or to the next one.
    let most = [WINDOW, WINDOW + 1].map(|window| most_in_a_window(&starts, window));
    assert!(most.iter().any(|most| *most <= MAX), "{starts:?}");
}

/// How many starts there were in the fullest window, of which each begins with its first start.
fn most_in_a_window(starts: &[u64], window: u64) -> usize {
    let (mut begin, mut count, mut most) = (0, 0, 0);
    for start in starts {
        if *start >= begin + window {
            (begin, count) = (*start, 0);
        }
        count += 1;
        most = most.max(count);
    }
    most
}
