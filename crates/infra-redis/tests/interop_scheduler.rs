//! Job schedulers shared with BullMQ's own Node client: each goes on with the other's series.
//!
//! Needs Node and the packages of `tests/interop/node`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{Backoff, JobOptions, JobTemplate, Schedule, SchedulerOptions};
use serde_json::{Value, json};
use support::{TestQueue, echo, telling};
use testkit::program::eventually;
use testkit::valkey::shared_url;

async fn node(command: &str, test: &TestQueue, count: usize) -> Value {
    let id = test.id.to_string();
    let (prefix, name) = id.rsplit_once(':').unwrap();
    let url = shared_url().await;
    testkit::bullmq::run_file("scheduler.js", command, &url, prefix, name, count)
        .await
        .unwrap()
}

/// Sets one scheduler of each kind up, as `scheduler.js` does with 250 ms.
async fn upsert(test: &TestQueue, interval: u64) -> [String; 2] {
    let template = JobTemplate {
        name: "greet".to_owned(),
        data: json!({"to": "Ada"}),
        options: JobOptions {
            attempts: 2,
            backoff: Some(Backoff::fixed(Duration::from_millis(50))),
            ..JobOptions::default()
        },
    };
    let every = Schedule::every(Duration::from_millis(interval)).unwrap();
    let unbounded = SchedulerOptions::default();
    let every = test
        .queue
        .upsert_scheduler("node:every", &every, &unbounded, &template);
    let cron = Schedule::cron("* * * * * *", Some("Europe/Berlin")).unwrap();
    let limited = SchedulerOptions {
        limit: Some(2),
        ..SchedulerOptions::default()
    };
    let cron = test
        .queue
        .upsert_scheduler("node-cron", &cron, &limited, &template);
    [every.await.unwrap().id, cron.await.unwrap().id]
}

/// When the jobs of a scheduler were due, in order.
fn slots(ids: &[String], scheduler: &str) -> Vec<u64> {
    let prefix = format!("repeat:{scheduler}:");
    ids.iter()
        .filter_map(|id| Some(id.strip_prefix(&prefix)?.parse().unwrap()))
        .collect()
}

/// Whether two clients stored the same, whenever they did.
fn comparable(mut read: Value) -> Value {
    for scheduler in read["schedulers"].as_array_mut().unwrap() {
        for varying in ["next", "offset"] {
            assert!(scheduler[varying].is_u64(), "{scheduler}");
            scheduler[varying] = json!(0);
        }
    }
    for job in read["jobs"].as_array_mut().unwrap() {
        let id = job["id"].as_str().unwrap().to_owned();
        assert_eq!(job["opts"]["jobId"], id);
        job["id"] = json!(id.rsplit_once(':').unwrap().0);
        for varying in ["jobId", "timestamp", "delay", "prevMillis"] {
            if !job["opts"][varying].is_null() {
                job["opts"][varying] = json!(0);
            }
        }
    }
    read
}

#[tokio::test]
async fn both_clients_store_a_scheduler_and_its_job_alike() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let (theirs, ours) = (TestQueue::new().await, TestQueue::new().await);
    node("upsert", &theirs, 0).await;
    upsert(&ours, 250).await;
    let read = comparable(node("read", &ours, 0).await);
    assert_eq!(read["schedulers"].as_array().unwrap().len(), 2);
    assert_eq!(read["jobs"][0]["data"], json!({"to": "Ada"}));
    assert_eq!(read, comparable(node("read", &theirs, 0).await));
}

#[tokio::test]
async fn series_that_node_began_go_on_with_workers_of_this_engine_alone() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    node("upsert", &test, 0).await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    test.until_completed(8).await;
    worker.stop(Duration::from_secs(5)).await;
    let mut ids = Vec::new();
    while let Ok(job) = told.try_recv() {
        assert_eq!(job.data, json!({"to": "Ada"}));
        ids.push(job.id);
    }
    let every = slots(&ids, "node:every");
    assert!(every.windows(2).all(|pair| (pair[1] - pair[0]) % 250 == 0));
    let cron = slots(&ids, "node-cron");
    assert!(cron.iter().all(|slot| slot % 1000 == 0), "{cron:?}");

    let read = node("read", &test, 0).await;
    let schedulers = read["schedulers"].as_array().unwrap();
    let of = |id| schedulers.iter().position(|one| one["key"] == id).unwrap();
    let next = of("node:every");
    assert_eq!(schedulers[next]["iterationCount"], every.len() + 1);
    // Node finds the job ahead and all that it added the first one with.
    let opts = &read["jobs"][next]["opts"];
    assert_eq!(opts["repeat"]["count"], every.len() + 1);
    assert_eq!(opts["backoff"], json!({"type": "fixed", "delay": 50}));
    assert_eq!(opts["attempts"], 2);
}

#[tokio::test]
async fn series_that_this_engine_began_go_on_with_workers_of_node_alone() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let [first_every, first_cron] = upsert(&test, 250).await;
    // More than two seconds of the one, and so two jobs of the other.
    let worked = node("work", &test, 13).await;
    let ids: Vec<String> = serde_json::from_value(worked["ids"].clone()).unwrap();
    assert!(ids.contains(&first_every) && ids.contains(&first_cron));
    let every = slots(&ids, "node:every");
    assert!(every.windows(2).all(|pair| (pair[1] - pair[0]) % 250 == 0));
    assert_eq!(slots(&ids, "node-cron").len(), 2, "limited to two: {ids:?}");
    let scheduler = test.queue.scheduler("node:every").await.unwrap().unwrap();
    assert_eq!(scheduler.iterations, Some(every.len() as u64 + 1));
}

#[tokio::test]
async fn one_series_goes_through_the_hands_of_both() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    upsert(&test, 40).await;
    assert!(test.queue.remove_scheduler("node-cron").await.unwrap());
    // While this worker is at work, the next job is the other one's.
    let (processor, _told) = telling(async |_, _| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(Value::Null)
    });
    let worker = test.work(processor).await;
    node("work", &test, 4).await;
    let completed = test.queue.counts().await.unwrap().completed;
    test.until_completed(completed + 3).await;
    worker.stop(Duration::from_secs(5)).await;
    let scheduler = test.queue.scheduler("node:every").await.unwrap().unwrap();
    let made = scheduler.iterations.unwrap();
    eventually("every iteration but the one ahead to be done", || async {
        let counts = test.queue.counts().await.ok()?;
        (counts.completed == made - 1 && counts.delayed + counts.waiting == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn patterns_come_true_when_node_says_so() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let answer = node("cron", &test, 4).await;
    let times = answer["times"].as_array().unwrap();
    assert!(times.len() > 500);
    for row in times {
        let pattern = row["pattern"].as_str().unwrap();
        let schedule = Schedule::cron(pattern, row["tz"].as_str()).unwrap();
        let mut after = row["from"].as_u64().unwrap();
        for next in row["next"].as_array().unwrap() {
            assert_eq!(schedule.next_after(after), next.as_u64(), "{row}");
            after = next.as_u64().unwrap();
        }
    }
}
