//! Attempts that fail, and whether and when others follow.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_redis::engine::{
    Backoff, Claimed, FailedAttempt, Failure, FinishedState, JobError, JobOptions, Reply,
    RetryReset, WorkerSettings,
};
use serde_json::{Value, json};
use support::{Counter, TestQueue, echo, next, quick, telling};

#[tokio::test]
async fn a_failed_attempt_is_made_again_after_the_backoff() {
    let test = TestQueue::new().await;
    let attempts = Counter::default();
    let counted = attempts.clone();
    let (processor, mut told) = telling(move |job: Claimed<Value>, _| {
        let attempt = counted.up();
        async move {
            if attempt < 3 {
                Err(JobError::transient("not today"))
            } else {
                Ok(job.data)
            }
        }
    });
    let worker = test.work(processor).await;
    let options = JobOptions {
        attempts: 3,
        backoff: Some(Backoff::exponential(Duration::from_millis(100))),
        ..JobOptions::default()
    };
    let started = Instant::now();
    let id = test
        .queue
        .add("job", &json!("hello"), &options)
        .await
        .unwrap();
    let job = test.finished(&id).await;

    assert!(
        started.elapsed() >= Duration::from_millis(300),
        "100 ms and then 200 ms"
    );
    assert_eq!(job.return_value.as_deref(), Some(r#""hello""#));
    assert_eq!(job.attempts_made, 3);
    let traces = job.stack_traces.unwrap();
    assert_eq!(traces, r#"["Error: not today","Error: not today"]"#);
    for attempt in 1..=3 {
        assert_eq!(next(&mut told).await.attempt, attempt);
    }
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_strategy_of_the_workers_own_decides_the_wait() {
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |job: Claimed<Value>, _| {
        let failure = Failure::from("not today").with_telemetry("trace-1");
        if job.attempt < 3 {
            Err(JobError::Transient(failure))
        } else {
            Ok(job.data)
        }
    });
    let strategy = |attempt: &FailedAttempt<'_>| {
        assert_eq!((attempt.strategy, attempt.reason), ("steps", "not today"));
        assert_eq!((attempt.job_name, attempt.data), ("job", "7"));
        let steps = [10, 20].map(Duration::from_millis);
        (attempt.base == Duration::from_secs(1)).then(|| steps[attempt.attempt as usize - 1])
    };
    let settings = WorkerSettings {
        backoff: Some(Arc::new(strategy)),
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    let added_with = |wait: u64| JobOptions {
        attempts: 3,
        backoff: Some(Backoff::named("steps", Duration::from_secs(wait))),
        ..JobOptions::default()
    };
    let id = test
        .queue
        .add("job", &json!(7), &added_with(1))
        .await
        .unwrap();
    let job = test.finished(&id).await;
    assert_eq!((job.attempts_made, job.delay), (3, 0));
    assert_eq!(job.return_value.as_deref(), Some("7"));
    let telemetry = test.on("HGET", &id, &["tm"]).await;
    assert_eq!(telemetry, Reply::Text("trace-1".to_owned()));

    // The strategy wants no other attempt.
    let id = test
        .queue
        .add("job", &json!(7), &added_with(2))
        .await
        .unwrap();
    let job = test.finished(&id).await;
    assert_eq!(
        (job.attempts_made, job.failed_reason.as_deref()),
        (1, Some("not today"))
    );
    let events = test.on("XRANGE", "events", &["-", "+"]).await;
    assert!(!format!("{events:?}").contains("retries-exhausted"));
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_job_whose_strategy_nobody_has_fails_with_both_reasons() {
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |_, _| Err(JobError::transient("not today")));
    let worker = test.work(processor).await;
    let options = JobOptions {
        attempts: 3,
        backoff: Some(Backoff::named("steps", Duration::ZERO)),
        ..JobOptions::default()
    };
    let id = test.queue.add("job", &json!(7), &options).await.unwrap();
    let job = test.finished(&id).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(
        job.failed_reason.as_deref(),
        Some(
            "not today (and the job can't be tried again: its backoff strategy `steps` is unknown \
             to this worker)"
        )
    );
}

#[tokio::test]
async fn a_job_out_of_attempts_fails_with_its_last_reason() {
    let test = TestQueue::new().await;
    let attempts = Counter::default();
    let counted = attempts.clone();
    let (processor, _told) = telling(move |_, _| {
        let attempt = counted.up();
        async move { Err(JobError::transient(format!("failure {attempt}"))) }
    });
    let worker = test.work(processor).await;
    let options = JobOptions {
        attempts: 2,
        ..JobOptions::default()
    };
    let id = test.queue.add("job", &json!({}), &options).await.unwrap();
    let job = test.finished(&id).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(job.failed_reason.as_deref(), Some("failure 2"));
    assert_eq!(attempts.get(), 2);
    let events = test.on("XRANGE", "events", &["-", "+"]).await;
    assert!(format!("{events:?}").contains("retries-exhausted"));
}

#[tokio::test]
async fn a_permanent_failure_is_not_tried_again() {
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |_, _| Err(JobError::permanent("never")));
    let worker = test.work(processor).await;
    let options = JobOptions {
        attempts: 5,
        ..JobOptions::default()
    };
    let id = test.queue.add("job", &json!({}), &options).await.unwrap();
    let job = test.finished(&id).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(
        (job.attempts_made, job.failed_reason.as_deref()),
        (1, Some("never"))
    );
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_and_the_worker_goes_on() {
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |job: Claimed<Value>, _| {
        assert!(job.data != json!("bad"), "I can't do this");
        Ok(job.data)
    });
    let worker = test.work(processor).await;
    let bad = test.add(json!("bad")).await;
    let good = test.add(json!("good")).await;
    let failed = test.finished(&bad).await;
    let reason = failed.failed_reason.unwrap();
    assert!(
        reason.contains("panicked") && reason.contains("I can't do this"),
        "{reason}"
    );
    assert!(test.finished(&good).await.return_value.is_some());
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_job_that_can_not_be_performed_yet_comes_back_uncounted() {
    let test = TestQueue::new().await;
    let calls = Counter::default();
    let counted = calls.clone();
    let (processor, _told) = telling(move |job: Claimed<Value>, _| {
        let call = counted.up();
        async move {
            if call == 1 {
                Err(JobError::NotYet(Duration::from_millis(100)))
            } else {
                Ok(job.data)
            }
        }
    });
    let worker = test.work(processor).await;
    let id = test.add(json!(1)).await;
    let job = test.finished(&id).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!((job.attempts_made, job.attempts_started), (1, 2));
    assert_eq!(job.failed_reason, None);
}

#[tokio::test]
async fn a_job_that_lost_its_workers_too_often_is_worked_once_it_is_retried() {
    let test = TestQueue::new().await;
    let id = test.add(json!(1)).await;
    let reason = "job stalled more than allowable limit";
    test.on("HSET", &id, &["defa", reason]).await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    assert_eq!(test.finished(&id).await.deferred_failure, None);
    let state = FinishedState::Failed;
    let retried = test.queue.retry(&id, state, RetryReset::default()).await;
    retried.unwrap();
    assert_eq!(next(&mut told).await.id, id);
    let job = test.finished(&id).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(job.failed_reason, None);
}
