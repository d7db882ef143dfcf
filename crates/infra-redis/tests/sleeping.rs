//! Workers that sleep, and the claims that stand behind their sleep.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{Claimed, JobContext, JobError, Queue, Reply, WorkerSettings};
use serde_json::{Value, json};
use support::{Counter, TestQueue, echo, next, quick, telling};
use testkit::program::eventually;
use tokio::sync::watch;

/// Nothing happens by itself.
fn undisturbed() -> WorkerSettings {
    let hour = Duration::from_secs(3600);
    WorkerSettings {
        lock_duration: hour,
        stalled_interval: hour,
        idle_poll: hour,
        ..WorkerSettings::default()
    }
}

/// Waits until the queue's worker sleeps, with or without a call behind.
async fn until_asleep(test: &TestQueue, has_call_behind: bool) {
    let name = format!("name={}:", test.id.prefix());
    eventually("the worker to sleep", || async {
        let list = vec!["LIST".to_owned()];
        let Ok(Reply::Text(list)) = test.connection.command("CLIENT", list).await else {
            return None;
        };
        let asleep = |line: &&str| line.contains(&name) && line.contains(" flags=b ");
        let sleeper = list.lines().find(asleep)?;
        // What a blocked client has sent besides is not read as commands yet.
        (sleeper.contains(" qbuf=0 ") != has_call_behind).then_some(())
    })
    .await;
}

/// Stores a job that is nowhere yet, without telling anybody.
async fn store(test: &TestQueue, id: &str) {
    let fields = ["name", "job", "data", "1", "opts", "{}", "timestamp", "1"];
    test.on("HSET", id, &fields).await;
}

#[tokio::test]
async fn a_claim_stands_behind_the_sleep_of_a_worker_while_jobs_come() {
    let test = TestQueue::new().await;
    let (processor, mut told) = echo();
    let worker = test.work_with(processor, undisturbed()).await;
    // Until one has come, sleeps cost the server less.
    until_asleep(&test, false).await;
    for n in 0..4 {
        let id = test.add(json!(n)).await;
        assert_eq!(next(&mut told).await.data, json!(n));
        let job = test.finished(&id).await;
        assert_eq!((job.attempts_started, job.attempts_made), (1, 1));
        // The server's clock told when it began, and the worker's when it ended.
        assert!(job.processed_on.unwrap() >= job.timestamp);
        assert!(job.finished_on >= job.processed_on);
        until_asleep(&test, true).await;
    }
    worker.stop(Duration::from_secs(5)).await;

    // And again when one such sleep has passed in vain.
    let (processor, mut told) = echo();
    let worker = test.work_with(processor, quick()).await;
    for n in 0..2 {
        test.add(json!(n)).await;
        assert_eq!(next(&mut told).await.data, json!(n));
        until_asleep(&test, false).await;
    }
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_worker_that_stops_gives_back_what_the_end_of_its_sleep_brings() {
    let test = TestQueue::new().await;
    let (processor, mut told) = echo();
    let settings = WorkerSettings {
        concurrency: 2,
        ..undisturbed()
    };
    let worker = test.work_with(processor, settings).await;
    test.add(json!(1)).await;
    next(&mut told).await;
    until_asleep(&test, true).await;
    for id in ["first", "second", "third"] {
        store(&test, id).await;
        test.on("LPUSH", "wait", &[id]).await;
    }
    let report = worker.stop(Duration::from_secs(5)).await;
    assert_eq!(
        (report.finished, report.handed_back, report.abandoned),
        (0, 2, 0)
    );
    assert!(told.try_recv().is_err(), "a worker that stops began a job");
    let waiting = test.on("LRANGE", "wait", &["0", "-1"]).await;
    let order = ["third", "second", "first"].map(|id| Reply::Text(id.to_owned()));
    assert_eq!(waiting, Reply::List(order.to_vec()));
    assert_eq!(test.on("EXISTS", "first:lock", &[]).await, Reply::Int(0));
    let job = test.queue.job("first").await.unwrap().unwrap();
    assert_eq!(job.attempts_made, 0);
    let marker = test.on("EXISTS", "marker", &[]).await;
    assert_eq!(marker, Reply::Int(1), "nobody is told of them");
}

#[tokio::test]
async fn a_delayed_job_is_in_time_although_only_a_sleep_has_a_slot_for_it() {
    let test = TestQueue::new().await;
    let (go, gone) = watch::channel(false);
    let (processor, mut told) = telling(move |job: Claimed<Value>, _| {
        let mut gone = gone.clone();
        async move {
            match job.id.as_str() {
                "later" => {}
                "second" => std::future::pending().await,
                _ => drop(gone.wait_for(|gone| *gone).await),
            }
            Ok(json!(null))
        }
    });
    let settings = WorkerSettings {
        concurrency: 2,
        ..undisturbed()
    };
    let worker = test.work_with(processor, settings).await;
    test.add(json!(1)).await;
    let first = next(&mut told).await;
    until_asleep(&test, true).await;

    // The slot of the first job takes the second, and what is delayed is learned of by nobody then.
    store(&test, "second").await;
    test.on("LPUSH", "wait", &["second"]).await;
    store(&test, "later").await;
    let due = (first.timestamp + 1000) * 4096;
    test.on("ZADD", "delayed", &[&due.to_string(), "later"])
        .await;
    go.send(true).unwrap();
    assert_eq!(next(&mut told).await.id, "second");
    assert_eq!(next(&mut told).await.id, "later");
    worker.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn what_came_while_the_process_stood_still_is_not_begun_without_a_lock() {
    let test = TestQueue::new().await;
    let performed = Counter::default();
    let counted = performed.clone();
    let (processor, mut told) = telling(move |_, context: JobContext| {
        counted.up();
        // Another attempt may be under way elsewhere unless this one has the lock.
        std::future::ready(if context.holds_lock() {
            Ok(json!(null))
        } else {
            Err(JobError::permanent("it was begun without a lock"))
        })
    });
    let lock_duration = Duration::from_secs(2);
    let settings = WorkerSettings {
        lock_duration,
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    test.add(json!(1)).await;
    next(&mut told).await;
    until_asleep(&test, true).await;

    // The worker shares this thread, on which nothing goes on while the job comes and its lock ends.
    let (url, queue) = (testkit::valkey::shared_url().await, test.id.clone());
    let adding = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut test = TestQueue::at(&url).await;
            test.queue = Queue::new(test.connection.clone(), queue);
            test.add(json!(2)).await
        })
    });
    let id = adding.join().unwrap();
    std::thread::sleep(lock_duration);
    let job = test.finished(&id).await;
    assert_eq!((job.failed_reason, performed.get()), (None, 2));
    worker.stop(Duration::from_secs(5)).await;
}
