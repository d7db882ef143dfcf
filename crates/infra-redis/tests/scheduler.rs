//! Job schedulers with real workers: a series goes on, keeps to its bounds, and never runs twice.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use infra_redis::engine::{
    Backoff, Claimed, EngineError, JobError, JobId, JobOptions, JobTemplate, Schedule,
    ScheduledJob, Scheduler, SchedulerOptions, WorkerSettings,
};
use serde_json::{Value, json};
use support::{Counter, TestQueue, Told, echo, next, quick, telling};
use testkit::program::eventually;

fn every(millis: u64) -> Schedule {
    Schedule::every(Duration::from_millis(millis)).unwrap()
}

fn template() -> JobTemplate<Value> {
    JobTemplate {
        name: "tick".to_owned(),
        data: json!({"a": 1}),
        options: JobOptions::default(),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "what the schedulers of a test see"
)]
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Sets the scheduler `s` up.
async fn upsert(test: &TestQueue, schedule: &Schedule, bounds: SchedulerOptions) -> ScheduledJob {
    test.queue
        .upsert_scheduler("s", schedule, &bounds, &template())
        .await
        .unwrap()
}

async fn scheduler(test: &TestQueue) -> Scheduler {
    test.queue.scheduler("s").await.unwrap().unwrap()
}

/// When a job of the scheduler `s` was due.
fn slot(id: &str) -> u64 {
    id.strip_prefix("repeat:s:").unwrap().parse().unwrap()
}

/// Whether the processor is told of nothing for a while.
async fn is_silent(told: &mut Told, millis: u64) -> bool {
    tokio::time::timeout(Duration::from_millis(millis), told.recv())
        .await
        .is_err()
}

#[tokio::test]
async fn a_series_goes_on_and_counts_its_jobs() {
    let test = TestQueue::new().await;
    let first = upsert(&test, &every(150), SchedulerOptions::default()).await;
    assert_eq!(first.delay, Duration::ZERO);
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    let mut slots = Vec::new();
    for _ in 0..5 {
        let job = next(&mut told).await;
        assert_eq!((job.name.as_str(), &job.data), ("tick", &json!({"a": 1})));
        slots.push(slot(&job.id));
    }
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(slots[0], slot(&first.id));
    assert!(
        slots
            .windows(2)
            .all(|pair| pair[0] < pair[1] && (pair[1] - pair[0]) % 150 == 0)
    );
    let stored = scheduler(&test).await;
    assert!(stored.next > slots[4]);
    let counts = test.queue.counts().await.unwrap();
    // The one ahead is the last one counted.
    assert_eq!(stored.iterations, Some(counts.completed + 1));
    let last = test.queue.job(&format!("repeat:s:{}", stored.next)).await;
    let options: Value = serde_json::from_str(&last.unwrap().unwrap().options).unwrap();
    assert_eq!(options["repeat"]["count"], counts.completed + 1);
    assert_eq!(options["repeatJobKey"], "s");
}

#[tokio::test]
async fn a_limit_gives_so_many_jobs() {
    let test = TestQueue::new().await;
    let limited = SchedulerOptions {
        limit: Some(3),
        ..SchedulerOptions::default()
    };
    upsert(&test, &every(60), limited).await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    for _ in 0..3 {
        next(&mut told).await;
    }
    assert!(is_silent(&mut told, 400).await);
    worker.stop(Duration::from_secs(5)).await;
    let stored = scheduler(&test).await;
    assert_eq!((stored.limit, stored.iterations), (Some(3), Some(3)));
    assert_eq!(test.queue.counts().await.unwrap().completed, 3);
}

#[tokio::test]
async fn an_end_ends_a_series() {
    let test = TestQueue::new().await;
    let end = now() + 2500;
    let bounds = SchedulerOptions {
        end: Some(end),
        ..SchedulerOptions::default()
    };
    let cron = Schedule::cron("* * * * * *", Some("Asia/Kolkata")).unwrap();
    upsert(&test, &cron, bounds).await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    let mut last = 0;
    while last + 1000 <= end {
        let job = next(&mut told).await;
        last = slot(&job.id);
        assert!(last % 1000 == 0 && last <= end, "{last} {end}");
    }
    assert!(is_silent(&mut told, 1500).await);
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(test.queue.counts().await.unwrap().delayed, 0);
}

#[tokio::test]
async fn slots_without_a_worker_are_skipped_and_the_alignment_kept() {
    let test = TestQueue::new().await;
    let first = slot(
        &upsert(&test, &every(200), SchedulerOptions::default())
            .await
            .id,
    );
    tokio::time::sleep(Duration::from_millis(750)).await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    assert_eq!(slot(&next(&mut told).await.id), first);
    let second = slot(&next(&mut told).await.id);
    assert!(second >= first + 800 && (second - first).is_multiple_of(200));
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_iteration_that_is_tried_again_adds_no_other() {
    let test = TestQueue::new().await;
    let attempts = Counter::default();
    let counted = attempts.clone();
    let (processor, mut told) = telling(move |job: Claimed<Value>, _| {
        let attempt = counted.up();
        async move {
            if attempt < 3 {
                Err(JobError::transient("not yet"))
            } else {
                Ok(job.data)
            }
        }
    });
    let retrying = JobTemplate {
        options: JobOptions {
            attempts: 3,
            backoff: Some(Backoff::fixed(Duration::from_millis(20))),
            ..JobOptions::default()
        },
        ..template()
    };
    let bounds = SchedulerOptions::default();
    let first = test
        .queue
        .upsert_scheduler("s", &every(60_000), &bounds, &retrying)
        .await
        .unwrap();
    let worker = test.work(processor).await;
    for _ in 0..3 {
        assert_eq!(next(&mut told).await.id, first.id);
    }
    test.finished(&first.id).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(scheduler(&test).await.iterations, Some(2));
    let counts = test.queue.counts().await.unwrap();
    assert_eq!((counts.completed, counts.delayed), (1, 1));
}

#[tokio::test]
async fn an_iteration_that_lost_its_worker_adds_no_other() {
    let test = TestQueue::new().await;
    let first = upsert(&test, &every(60_000), SchedulerOptions::default()).await;
    let (stuck, mut told) = telling(async |_, _| {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(Value::Null)
    });
    let worker = test.work(stuck).await;
    next(&mut told).await;
    worker.stop(Duration::ZERO).await;
    // As if it had died instead of handing the job back: active, without a lock.
    let active = format!("{}:active", test.id);
    test.on("RPOPLPUSH", "wait", &[&active]).await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    assert_eq!(next(&mut told).await.id, first.id);
    assert_eq!(test.finished(&first.id).await.stalls, 1);
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(scheduler(&test).await.iterations, Some(2));
    assert_eq!(test.queue.counts().await.unwrap().delayed, 1);
}

#[tokio::test]
async fn a_job_whose_scheduler_can_not_be_reached_waits_for_it() {
    let test = TestQueue::new().await;
    let first = upsert(&test, &every(60_000), SchedulerOptions::default()).await;
    let aside = format!("{}:aside", test.id);
    test.on("RENAME", "repeat", &[&aside]).await;
    test.on("SET", "repeat", &["no sorted set"]).await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    eventually("the job to be put off", || async {
        (test.queue.counts().await.ok()?.delayed == 1).then_some(())
    })
    .await;
    assert!(told.try_recv().is_err(), "the job was worked");
    test.on("DEL", "repeat", &[]).await;
    test.on("RENAME", "aside", &[&format!("{}:repeat", test.id)])
        .await;
    let job = next(&mut told).await;
    assert_eq!((job.id.as_str(), job.attempt), (first.id.as_str(), 1));
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(scheduler(&test).await.iterations, Some(2));
}

#[tokio::test]
async fn a_series_goes_on_after_a_job_that_can_not_be_read() {
    let test = TestQueue::new().await;
    let first = upsert(&test, &every(60_000), SchedulerOptions::default()).await;
    test.on("HSET", &first.id, &["opts", "{", "data", "{"])
        .await;
    let (processor, _told) = echo();
    let worker = test.work(processor).await;
    let job = test.finished(&first.id).await;
    worker.stop(Duration::from_secs(5)).await;
    assert!(job.failed_reason.unwrap().contains("options can't be read"));
    let stored = scheduler(&test).await;
    let next = test.queue.job(&format!("repeat:s:{}", stored.next)).await;
    assert_eq!(next.unwrap().unwrap().data, r#"{"a":1}"#);
}

#[tokio::test]
async fn a_removed_scheduler_takes_its_delayed_job_along() {
    let test = TestQueue::new().await;
    let later = SchedulerOptions {
        start: Some(now() + 60_000),
        ..SchedulerOptions::default()
    };
    upsert(&test, &every(1000), later).await;
    assert!(test.queue.remove_scheduler("s").await.unwrap());
    assert!(!test.queue.remove_scheduler("s").await.unwrap());
    assert_eq!(test.queue.scheduler("s").await.unwrap(), None);
    assert_eq!(test.queue.counts().await.unwrap().delayed, 0);
}

#[tokio::test]
async fn a_changed_scheduler_makes_other_jobs() {
    let test = TestQueue::new().await;
    let bounds = SchedulerOptions::default();
    let yearly = Schedule::cron("@yearly", None).unwrap();
    let replaced = upsert(&test, &yearly, bounds.clone()).await;
    let at_once = SchedulerOptions {
        immediately: true,
        limit: Some(9),
        ..SchedulerOptions::default()
    };
    let changed = JobTemplate {
        name: "tock".to_owned(),
        data: json!({}),
        ..template()
    };
    let daily = Schedule::cron("0 3 * * *", Some("Europe/Berlin")).unwrap();
    let first = test
        .queue
        .upsert_scheduler("s", &daily, &at_once, &changed)
        .await
        .unwrap();
    assert_eq!(first.delay, Duration::ZERO);
    assert_eq!(test.queue.job(&replaced.id).await.unwrap(), None);
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    let job = next(&mut told).await;
    assert_eq!((job.name.as_str(), &job.data), ("tock", &json!({})));
    worker.stop(Duration::from_secs(5)).await;
    let stored = scheduler(&test).await;
    assert_eq!(stored.name, "tock");
    assert_eq!(stored.pattern.as_deref(), Some("0 3 * * *"));
    assert_eq!(stored.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!((stored.limit, stored.iterations), (Some(9), Some(2)));
    assert_eq!((stored.data, stored.options), (None, None));
    assert_eq!(Some(stored.next), daily.next_after(slot(&first.id)));
}

#[tokio::test]
async fn several_workers_make_one_series() {
    let test = TestQueue::new().await;
    upsert(&test, &every(40), SchedulerOptions::default()).await;
    let mut workers = Vec::new();
    let mut tellers = Vec::new();
    for _ in 0..3 {
        let (processor, told) = echo();
        let settings = WorkerSettings {
            concurrency: 4,
            ..quick()
        };
        workers.push(test.work_with(processor, settings).await);
        tellers.push(told);
    }
    test.until_completed(20).await;
    for worker in workers {
        worker.stop(Duration::from_secs(5)).await;
    }
    let mut ids = Vec::new();
    for mut told in tellers {
        while let Ok(job) = told.try_recv() {
            ids.push(job.id);
        }
    }
    let worked = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), worked, "a job was performed twice");
    let made = scheduler(&test).await.iterations.unwrap();
    assert_eq!(made, worked as u64 + 1);
}

#[tokio::test]
async fn options_that_each_job_has_of_its_own_are_refused() {
    let test = TestQueue::new().await;
    let refused = async |id: &str, options: JobOptions| {
        let template = JobTemplate {
            options,
            ..template()
        };
        let bounds = SchedulerOptions::default();
        let upserted = test
            .queue
            .upsert_scheduler(id, &every(1000), &bounds, &template)
            .await;
        match upserted.unwrap_err() {
            EngineError::Option(error) => error.option,
            other => panic!("{other}"),
        }
    };
    let none = JobOptions::default;
    assert_eq!(refused("", none()).await, "scheduler id");
    let id = Some(JobId::parse("mine").unwrap());
    assert_eq!(refused("s", JobOptions { id, ..none() }).await, "job id");
    let delay = Duration::from_secs(1);
    assert_eq!(refused("s", JobOptions { delay, ..none() }).await, "delay");
    let meta = test.on("EXISTS", "meta", &[]).await;
    assert_eq!(format!("{meta:?}"), "Int(0)", "something was sent");
}
