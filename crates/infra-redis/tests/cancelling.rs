//! Jobs that are cancelled, and jobs whose lock is lost, while a worker has them.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::{Duration, Instant};

use infra_redis::engine::{
    Backoff, Cancellation, Interruption, Job, JobContext, JobError, JobOptions, LookAhead, Queue,
    Reply, WorkerSettings,
};
use serde_json::{Value, json};
use support::{TestQueue, Told, echo, next, quick, telling};
use testkit::program::eventually;
use testkit::proxy::Proxy;
use testkit::valkey::shared_url;
use tokio::sync::mpsc;

/// Locks that no test waits for to be renewed.
fn lasting() -> WorkerSettings {
    WorkerSettings {
        lock_duration: Duration::from_secs(600),
        ..quick()
    }
}

/// A job that would be tried often.
async fn stubborn(test: &TestQueue) -> String {
    let options = JobOptions {
        attempts: 5,
        backoff: Some(Backoff::fixed(Duration::from_secs(600))),
        ..JobOptions::default()
    };
    test.queue.add("job", &json!(1), &options).await.unwrap()
}

/// Waits until so many workers hear of cancellations.
async fn until_heard(test: &TestQueue, workers: i64) {
    let channel = format!("{}:cancel", test.id);
    eventually("the subscription", || async {
        let args = vec!["NUMSUB".to_owned(), channel.clone()];
        let reply = test.connection.command("PUBSUB", args).await.ok()?;
        let expected = vec![Reply::Text(channel.clone()), Reply::Int(workers)];
        (reply == Reply::List(expected)).then_some(())
    })
    .await;
}

/// Tells why each attempt was interrupted, and then fails so that it would be tried again.
fn interrupted() -> (
    impl infra_redis::engine::Processor,
    Told,
    mpsc::UnboundedReceiver<Interruption>,
) {
    let (tell, causes) = mpsc::unbounded_channel();
    let (processor, told) = telling(move |_, context: JobContext| {
        let tell = tell.clone();
        async move {
            assert!(context.holds_lock());
            context.cancelled().await;
            assert!(!context.holds_lock());
            tell.send(context.interruption().unwrap()).unwrap();
            Err(JobError::transient("it was told to end"))
        }
    });
    (processor, told, causes)
}

fn assert_cancelled(job: &Job, reason: &str) {
    assert_eq!(job.failed_reason.as_deref(), Some(reason));
    assert_eq!((&job.deferred_failure, &job.return_value), (&None, &None));
}

#[tokio::test]
async fn the_worker_of_an_active_job_hears_of_it_and_fails_it_for_good() {
    let test = TestQueue::new().await;
    let (processor, mut told, mut causes) = interrupted();
    let worker = test.work_with(processor, lasting()).await;
    until_heard(&test, 1).await;
    let id = stubborn(&test).await;
    next(&mut told).await;
    let asked = test.queue.cancel(&id, Some("by Ada")).await.unwrap();
    assert_eq!(asked, Cancellation::Asked);
    let job = test.finished(&id).await;
    assert_cancelled(&job, "cancelled: by Ada");
    assert_eq!(job.attempts_made, 1);
    let traces = job.stack_traces.unwrap();
    assert!(traces.contains("it was told to end"), "{traces}");
    let reason = "cancelled: by Ada".to_owned();
    assert_eq!(
        causes.recv().await,
        Some(Interruption::Cancelled { reason })
    );
    let late = test.queue.cancel(&id, None).await.unwrap();
    assert_eq!(late, Cancellation::Finished);
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_announcement_that_nobody_hears_is_made_good_by_the_next_renewal() {
    let test = TestQueue::new().await;
    let (processor, mut told, mut causes) = interrupted();
    let worker = test.work(processor).await;
    let id = stubborn(&test).await;
    next(&mut told).await;
    // The wish as it stands if its announcement is lost.
    test.on("HSET", &id, &["defa", "cancelled"]).await;
    let job = test.finished(&id).await;
    assert_cancelled(&job, "cancelled");
    let reason = "cancelled".to_owned();
    assert_eq!(
        causes.recv().await,
        Some(Interruption::Cancelled { reason })
    );
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_announcement_alone_cancels_nothing() {
    let test = TestQueue::new().await;
    let (go, gone) = tokio::sync::watch::channel(false);
    let (processor, mut told) = telling(move |_, context: JobContext| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            Ok(json!(context.is_cancelled()))
        }
    });
    let worker = test.work_with(processor, lasting()).await;
    until_heard(&test, 1).await;
    let id = test.add(json!(1)).await;
    next(&mut told).await;
    test.on("PEXPIRE", &format!("{id}:lock"), &["300000"]).await;
    test.on("PUBLISH", "cancel", &[&id]).await;
    // It makes the worker look, which renews the lock.
    eventually("the renewal", || async {
        let ttl = test.on("PTTL", &format!("{id}:lock"), &[]).await;
        matches!(ttl, Reply::Int(300_001..)).then_some(())
    })
    .await;
    go.send(true).unwrap();
    let job = test.finished(&id).await;
    assert_eq!(job.return_value.as_deref(), Some("false"));
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_attempt_that_goes_on_is_ended_and_one_that_succeeds_counts() {
    let test = TestQueue::new().await;
    let (processor, mut told) = telling(
        async |job: infra_redis::engine::Claimed<Value>, context: JobContext| {
            context.cancelled().await;
            if job.data == json!("deaf") {
                std::future::pending::<()>().await;
            }
            Ok(job.data)
        },
    );
    let settings = WorkerSettings {
        concurrency: 2,
        cancel_grace: Duration::from_millis(10),
        ..lasting()
    };
    let worker = test.work_with(processor, settings).await;
    until_heard(&test, 1).await;
    let (deaf, quick) = (
        test.add(json!("deaf")).await,
        test.add(json!("quick")).await,
    );
    next(&mut told).await;
    next(&mut told).await;
    for id in [&deaf, &quick] {
        test.queue.cancel(id, Some("by Ada")).await.unwrap();
    }
    assert_cancelled(&test.finished(&deaf).await, "cancelled: by Ada");
    let done = test.finished(&quick).await;
    assert_eq!(done.return_value.as_deref(), Some(r#""quick""#));
    assert_eq!((done.failed_reason, done.deferred_failure), (None, None));
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_job_that_is_held_for_later_is_not_begun() {
    let test = TestQueue::new().await;
    let (processor, mut told, _causes) = interrupted();
    let settings = WorkerSettings {
        look_ahead: LookAhead::Jobs(1),
        ..lasting()
    };
    let worker = test.work_with(processor, settings).await;
    until_heard(&test, 1).await;
    let (first, held) = (stubborn(&test).await, stubborn(&test).await);
    next(&mut told).await;
    eventually("the second job to be held", || async {
        (test.queue.counts().await.ok()?.active == 2).then_some(())
    })
    .await;
    test.queue.cancel(&held, None).await.unwrap();
    test.queue.cancel(&first, None).await.unwrap();
    assert_cancelled(&test.finished(&held).await, "cancelled");
    assert_cancelled(&test.finished(&first).await, "cancelled");
    worker.stop(Duration::from_secs(5)).await;
    assert!(told.try_recv().is_err(), "the held job was begun");
}

#[tokio::test]
async fn a_job_that_is_fetched_before_the_wish_was_honoured_is_not_run() {
    let test = TestQueue::new().await;
    let id = stubborn(&test).await;
    // Its worker was killed, as far as anybody can see.
    test.on("RPOPLPUSH", "wait", &[&format!("{}:active", test.id)])
        .await;
    let asked = test.queue.cancel(&id, Some("by Ada")).await.unwrap();
    assert_eq!(asked, Cancellation::Asked);
    let (processor, mut told) = echo();
    let settings = WorkerSettings {
        max_stalls: 0,
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    assert_cancelled(&test.finished(&id).await, "cancelled: by Ada");
    worker.stop(Duration::from_secs(5)).await;
    assert!(told.try_recv().is_err(), "it was run");
}

#[tokio::test]
async fn a_lock_that_is_gone_or_taken_is_told_as_lost() {
    for command in ["DEL", "SET"] {
        let test = TestQueue::new().await;
        let (processor, mut told, mut causes) = interrupted();
        let worker = test.work(processor).await;
        let id = stubborn(&test).await;
        next(&mut told).await;
        let args: &[&str] = if command == "SET" {
            &["another's"]
        } else {
            &[]
        };
        test.on(command, &format!("{id}:lock"), args).await;
        assert_eq!(
            causes.recv().await,
            Some(Interruption::LockLost),
            "{command}"
        );
        worker.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_lock_is_given_up_when_it_runs_out_however_long_its_renewal_takes() {
    let url = shared_url().await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap());
    let proxy = proxy.await.unwrap();
    let proxied = TestQueue::at(&proxy.url()).await;
    let mut direct = TestQueue::at(&url).await;
    direct.queue = Queue::new(direct.connection.clone(), proxied.id.clone());
    direct.id = proxied.id.clone();
    let (tell, mut ended) = mpsc::unbounded_channel();
    let (processor, mut told) = telling(move |_, context: JobContext| {
        let tell = tell.clone();
        async move {
            context.cancelled().await;
            tell.send((Instant::now(), context.interruption())).unwrap();
            Ok(json!(null))
        }
    });
    let lock_duration = Duration::from_secs(2);
    let settings = WorkerSettings {
        lock_duration,
        ..quick()
    };
    let worker = proxied.work_with(processor, settings).await;
    let id = direct.add(json!(1)).await;
    next(&mut told).await;
    let claimed = Instant::now();
    proxy.freeze();
    let (at, cause) = ended.recv().await.unwrap();
    assert_eq!(cause, Some(Interruption::LockLost));
    // The claim was sent before, so the lock runs out earlier than this by the worker's own clock.
    let took = at - claimed;
    assert!(
        took <= lock_duration + Duration::from_millis(100),
        "{took:?}"
    );
    // Another worker performs it.
    let (processor, _told) = echo();
    let other = direct.work(processor).await;
    let job = direct.finished(&id).await;
    assert_eq!(job.return_value.as_deref(), Some("1"));
    other.stop(Duration::from_secs(5)).await;
    drop(worker);
}
