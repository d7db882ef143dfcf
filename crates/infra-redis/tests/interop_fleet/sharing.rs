//! Every job runs once, whoever takes it, and every idle worker is woken for work.

use std::collections::HashMap;
use std::time::Duration;

use infra_redis::engine::{JobOptions, NewJob, WorkerSettings};
use serde_json::{Value, json};
use testkit::program::eventually;

use super::{Fleet, until_asleep, woken_only, woken_only_options};

fn jobs(count: u64) -> Vec<NewJob<'static, Value>> {
    let job = |n| NewJob {
        name: "job",
        data: json!(n),
        options: JobOptions::default(),
    };
    (0..count).map(job).collect()
}

#[tokio::test]
async fn ten_thousand_jobs_each_run_once_in_a_mixed_fleet() {
    let Some(mut fleet) = Fleet::gather().await else {
        return;
    };
    let settings = WorkerSettings {
        concurrency: 8,
        ..WorkerSettings::default()
    };
    let options = json!({"concurrency": 8});
    let hold = Duration::from_millis(2);
    let (ours, told) = fleet.work(hold, options, settings).await;
    let ids = fleet.test.queue.add_bulk(&jobs(10_000)).await.unwrap();
    fleet.test.until_completed(10_000).await;
    let parts = fleet.stop(ours, told).await;

    let mut runs: HashMap<&str, usize> = HashMap::new();
    for id in parts.iter().flatten() {
        *runs.entry(id).or_default() += 1;
    }
    let wrong = ids.iter().filter(|id| runs.get(id.as_str()) != Some(&1));
    assert_eq!(wrong.count(), 0, "not once: {runs:?}");
    assert_eq!(runs.len(), ids.len());
    let shares = parts.map(|part| part.len());
    eprintln!("BullMQ 5, BullMQ 6 and this engine worked {shares:?} jobs");
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
    let counts = fleet.test.queue.counts().await.unwrap();
    assert_eq!(
        (counts.completed, counts.failed, counts.active),
        (10_000, 0, 0)
    );
    assert_eq!(fleet.six.ask("counts").await["completed"], 10_000);
}

#[tokio::test]
async fn one_signal_wakes_the_idle_workers_of_every_client() {
    let Some(mut fleet) = Fleet::gather().await else {
        return;
    };
    let hold = Duration::from_secs(2);
    let (ours, told) = fleet.work(hold, woken_only_options(), woken_only()).await;
    until_asleep(&fleet.test, 3).await;
    // In one step, which signals once.
    let ids = fleet.test.queue.add_bulk(&jobs(3)).await.unwrap();
    let queue = &fleet.test.queue;
    eventually("all three to start", || async {
        (queue.counts().await.ok()?.active == 3).then_some(())
    })
    .await;
    for id in &ids {
        let job = queue.job(id).await.unwrap().unwrap();
        let waited = job.processed_on.unwrap() - job.timestamp;
        assert!(waited < 1000, "a worker slept on for {waited} ms");
    }
    fleet.test.until_completed(3).await;
    let parts = fleet.stop(ours, told).await;
    assert_eq!(parts.map(|part| part.len()), [1, 1, 1]);
}
