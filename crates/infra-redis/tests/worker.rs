//! Workers against a real Valkey: what becomes of a job, whatever its processor does.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_redis::engine::{
    Claimed, JobContext, JobId, JobOptions, JobOutcome, Keep, NewJob, RateLimit, Reply, Worker,
    WorkerObserver, WorkerSettings,
};
use serde_json::{Value, json};
use support::{Counter, TestQueue, echo, next, quick, telling};
use testkit::program::eventually;
use testkit::valkey::PrivateValkey;

/// Jobs whose data is their number.
fn numbered(count: u32) -> Vec<NewJob<'static, Value>> {
    let job = |n| NewJob {
        name: "job",
        data: json!(n),
        options: JobOptions::default(),
    };
    (0..count).map(job).collect()
}

#[tokio::test]
async fn every_job_is_performed_once_and_its_result_kept() {
    let test = TestQueue::new().await;
    let (processor, mut told) = echo();
    let worker = test
        .work_with(
            processor,
            WorkerSettings {
                concurrency: 8,
                ..quick()
            },
        )
        .await;

    let ids = test.queue.add_bulk(&numbered(250)).await.unwrap();

    test.until_completed(250).await;
    worker.stop(Duration::from_secs(5)).await;
    let mut seen = HashSet::new();
    while let Ok(job) = told.try_recv() {
        assert!(seen.insert(job.id), "a job was performed twice");
    }
    assert_eq!(seen, ids.iter().cloned().collect());
    let last = test.queue.job(&ids[249]).await.unwrap().unwrap();
    assert_eq!(last.return_value.as_deref(), Some("249"));
    assert_eq!((last.attempts_made, last.attempts_started), (1, 1));
}

/// The first claim would have the server compile it.
#[tokio::test]
async fn a_worker_that_connects_brings_its_script() {
    let valkey = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&valkey.url()).await;
    let scripts = async || {
        let info = test
            .connection
            .command("INFO", vec!["memory".to_owned()])
            .await;
        let Ok(Reply::Text(info)) = info else {
            panic!("{info:?}")
        };
        let count = info
            .lines()
            .find_map(|line| line.strip_prefix("number_of_cached_scripts:"));
        count.unwrap().parse::<u32>().unwrap()
    };
    test.add(json!(1)).await;
    let before = scripts().await;
    let (processor, _told) = echo();
    let worker = Worker::connect(&test.settings, test.id.clone(), processor, quick()).await;
    assert_eq!(scripts().await, before + 1);
    // It has claimed nothing.
    assert_eq!(test.queue.counts().await.unwrap().waiting, 1);
    drop(worker);
}

/// Jobs that end at once free their slots sooner than a call is full by any other measure.
#[tokio::test]
async fn a_worker_that_is_answered_fast_uses_all_its_slots() {
    let test = TestQueue::new().await;
    test.queue.add_bulk(&numbered(4000)).await.unwrap();
    let (processor, _told) = echo();
    let worker = test
        .work_with(
            processor,
            WorkerSettings {
                concurrency: 100,
                ..quick()
            },
        )
        .await;
    let mut most = 0;
    loop {
        let counts = test.queue.counts().await.unwrap();
        most = most.max(counts.active);
        if counts.waiting == 0 {
            break;
        }
    }
    worker.stop(Duration::from_secs(5)).await;
    // A call claims 25 at most, so that several had to be on their way.
    assert!(most >= 60, "{most} jobs were active at a time");
}

#[tokio::test]
async fn an_idle_worker_hears_of_a_job_at_once() {
    let test = TestQueue::new().await;
    let (processor, mut told) = echo();
    // Were it not woken, it would sleep for an hour.
    let idle_poll = Duration::from_secs(3600);
    let worker = test
        .work_with(
            processor,
            WorkerSettings {
                idle_poll,
                ..quick()
            },
        )
        .await;
    for n in 0..5 {
        test.add(json!(n)).await;
        assert_eq!(next(&mut told).await.data, json!(n));
    }
    let started = Instant::now();
    worker.stop(Duration::from_secs(5)).await;
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "the sleep was not ended"
    );
}

#[tokio::test]
async fn one_wake_up_reaches_all_idle_workers_while_there_is_work() {
    let test = TestQueue::new().await;
    let slow = || {
        telling(async |job: Claimed<Value>, _| {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok(job.data)
        })
    };
    let idle_poll = Duration::from_secs(3600);
    let settings = || WorkerSettings {
        idle_poll,
        ..quick()
    };
    let (mut tellers, mut workers) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (processor, told) = slow();
        workers.push(test.work_with(processor, settings()).await);
        tellers.push(told);
    }
    let job = NewJob {
        name: "job",
        data: json!(0),
        options: JobOptions::default(),
    };
    test.queue
        .add_bulk(&[job.clone(), job.clone(), job])
        .await
        .unwrap();
    for told in &mut tellers {
        next(told).await;
    }
    for worker in workers {
        worker.stop(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn a_job_that_can_not_be_read_fails_for_good_and_stops_nobody() {
    let test = TestQueue::new().await;
    let corrupt = [
        (
            "bad-data",
            vec!["name", "job", "data", "{not json", "opts", "{}"],
            "the job's data can't be read",
        ),
        (
            "bad-opts",
            vec!["name", "job", "data", "{}", "opts", "{not json"],
            "the job's options can't be read",
        ),
        (
            "no-name",
            vec!["data", "{}", "opts", r#"{"attempts":3}"#],
            "the job has no name",
        ),
    ];
    for (id, fields, _) in &corrupt {
        test.on("HSET", id, fields).await;
        test.on("LPUSH", "wait", &[id]).await;
    }
    test.on("LPUSH", "wait", &["gone"]).await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    let good = test.add(json!("good")).await;
    test.finished(&good).await;
    for (id, _, expected) in &corrupt {
        let reason = test.finished(id).await.failed_reason.unwrap();
        assert!(reason.contains(expected), "{id}: {reason}");
    }
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(next(&mut told).await.id, good);
    assert!(
        told.try_recv().is_err(),
        "only the good job reached the processor"
    );
    let counts = test.queue.counts().await.unwrap();
    assert_eq!((counts.active, counts.waiting, counts.failed), (0, 0, 3));
}

#[tokio::test]
async fn a_deferred_failure_never_reaches_the_processor() {
    let test = TestQueue::new().await;
    let id = test.add(json!(1)).await;
    test.on(
        "HSET",
        &id,
        &["defa", "job stalled more than allowable limit"],
    )
    .await;
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    let job = test.finished(&id).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(
        job.failed_reason.as_deref(),
        Some("job stalled more than allowable limit")
    );
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_delayed_job_runs_when_it_is_due_and_not_before() {
    let test = TestQueue::new().await;
    let (processor, mut told) = echo();
    let idle_poll = Duration::from_secs(3600);
    let worker = test
        .work_with(
            processor,
            WorkerSettings {
                idle_poll,
                ..quick()
            },
        )
        .await;
    let delay = Duration::from_millis(300);
    let options = JobOptions {
        delay,
        ..JobOptions::default()
    };
    let started = Instant::now();
    test.queue.add("job", &json!(1), &options).await.unwrap();
    next(&mut told).await;
    assert!(started.elapsed() >= delay);
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn lower_priority_numbers_run_first() {
    let test = TestQueue::new().await;
    for priority in [3, 1, 2] {
        let options = JobOptions {
            priority,
            ..JobOptions::default()
        };
        test.queue
            .add("job", &json!(priority), &options)
            .await
            .unwrap();
    }
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    for expected in [1, 2, 3] {
        assert_eq!(next(&mut told).await.data, json!(expected));
    }
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_paused_queue_starts_nothing_until_it_is_resumed() {
    let test = TestQueue::new().await;
    test.queue.pause().await.unwrap();
    let (processor, mut told) = echo();
    let turns = Arc::new(Turns::default());
    let settings = WorkerSettings {
        idle_poll: Duration::from_millis(50),
        observer: Some(turns.clone()),
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    let id = test.add(json!(1)).await;
    // The worker has looked, found the queue paused, and looks again.
    let before = turns.0.get();
    eventually("more turns of the worker's loop", || async {
        (turns.0.get() > before + 5).then_some(())
    })
    .await;
    assert!(told.try_recv().is_err());
    test.queue.resume().await.unwrap();
    assert_eq!(next(&mut told).await.id, id);
    worker.stop(Duration::from_secs(5)).await;
}

/// Counts the turns of a worker's loop.
#[derive(Default)]
struct Turns(Counter);

impl WorkerObserver for Turns {
    fn attempt_ended(&self, _outcome: JobOutcome, _duration: Duration) {}

    fn beat(&self) {
        self.0.up();
    }
}

#[tokio::test]
async fn no_more_jobs_start_in_a_window_than_the_rate_limit_allows() {
    let test = TestQueue::new().await;
    let window = Duration::from_millis(400);
    let rate_limit = Some(RateLimit { max: 2, window });
    let (processor, mut told) = echo();
    let settings = WorkerSettings {
        rate_limit,
        concurrency: 5,
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    for n in 0..5 {
        test.add(json!(n)).await;
    }
    let mut starts = Vec::new();
    for _ in 0..5 {
        next(&mut told).await;
        starts.push(Instant::now());
    }
    // Five jobs at two a window need three windows. The clock here and the server's window do not
    // start at the same instant, which a tenth allows for.
    assert!(starts[4] - starts[0] >= window * 18 / 10, "{starts:?}");
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_processor_that_blocks_its_thread_does_not_cost_its_job_the_lock() {
    let test = TestQueue::new().await;
    let calls = Counter::default();
    let counted = calls.clone();
    let (processor, _told) = telling(move |job: Claimed<Value>, _| {
        counted.up();
        async move {
            // Three times the lock's duration, on the only thread of the runtime.
            std::thread::sleep(Duration::from_millis(2400));
            Ok(job.data)
        }
    });
    // The other worker looks for stalled jobs, on a runtime of its own.
    let rival = std::thread::spawn({
        let (settings, id) = (test.settings.clone(), test.id.clone());
        move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let (processor, mut told) = echo();
                let worker =
                    infra_redis::engine::Worker::start(&settings, id, processor, quick()).await;
                let worker = worker.unwrap();
                let stolen = tokio::time::timeout(Duration::from_secs(4), told.recv()).await;
                worker.stop(Duration::from_secs(5)).await;
                stolen.is_ok()
            })
        }
    });
    // Paused until this worker is the only one to look.
    let worker = test.work(processor).await;
    let id = test.add(json!(1)).await;
    let rival_got_it = rival.join().unwrap();
    let job = test.finished(&id).await;
    worker.stop(Duration::from_secs(5)).await;
    // Whoever took it first, it ran once.
    assert_eq!(job.attempts_started, 1);
    assert_eq!(job.stalls, 0);
    assert_eq!(calls.get(), u32::from(!rival_got_it));
}

#[tokio::test]
async fn a_job_whose_worker_vanished_is_taken_over() {
    let test = TestQueue::new().await;
    let id = test.add(json!(1)).await;
    let (settings, queue) = (test.settings.clone(), test.id.clone());
    // A runtime that is shut down with its worker is as good as a killed process: nothing is
    // handed back, and nothing renews the lock.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (processor, mut told) = telling(async |_, _| {
                std::future::pending::<()>().await;
                Ok(json!(null))
            });
            let worker = infra_redis::engine::Worker::start(&settings, queue, processor, quick());
            let _worker = worker.await.unwrap();
            next(&mut told).await;
        });
        runtime.shutdown_background();
    })
    .join()
    .unwrap();

    let (processor, mut told) = echo();
    let started = Instant::now();
    let worker = test.work(processor).await;
    assert_eq!(next(&mut told).await.id, id);
    // The lock's duration and two looks, and as much again for a busy machine.
    assert!(
        started.elapsed() < Duration::from_millis(2 * (800 + 400)),
        "{:?}",
        started.elapsed()
    );
    let job = test.finished(&id).await;
    assert_eq!(
        (job.stalls, job.attempts_made, job.attempts_started),
        (1, 1, 2)
    );
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_worker_that_lost_a_lock_tells_its_job_and_records_nothing() {
    let test = TestQueue::new().await;
    let (cancelled, mut was_cancelled) = tokio::sync::mpsc::unbounded_channel();
    let (processor, mut told) = telling(move |job: Claimed<Value>, context: JobContext| {
        let cancelled = cancelled.clone();
        async move {
            context.cancelled().await;
            cancelled.send(()).unwrap();
            Ok(job.data)
        }
    });
    // No look for stalled jobs: the job stays where the test put it.
    let stalled_interval = Duration::from_secs(3600);
    let worker = test
        .work_with(
            processor,
            WorkerSettings {
                stalled_interval,
                ..quick()
            },
        )
        .await;
    let id = test.add(json!(1)).await;
    next(&mut told).await;
    test.on(
        "SET",
        &format!("{id}:lock"),
        &["somebody-else", "PX", "60000"],
    )
    .await;
    let told = tokio::time::timeout(Duration::from_secs(10), was_cancelled.recv()).await;
    assert_eq!(told, Ok(Some(())));
    worker.stop(Duration::from_secs(5)).await;
    let job = test.queue.job(&id).await.unwrap().unwrap();
    assert_eq!((job.finished_on, job.attempts_made), (None, 0));
}

#[tokio::test]
async fn finished_jobs_are_kept_as_the_job_or_else_the_worker_says() {
    let test = TestQueue::new().await;
    let (processor, _told) = echo();
    let settings = WorkerSettings {
        keep_completed: Keep::Newest(1),
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    let kept_by_job = JobOptions {
        keep_completed: Some(Keep::All),
        id: Some(JobId::parse("kept").unwrap()),
        ..JobOptions::default()
    };
    for n in 0..3 {
        test.add(json!(n)).await;
    }
    test.queue
        .add("job", &json!("kept"), &kept_by_job)
        .await
        .unwrap();
    test.finished("kept").await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(test.queue.counts().await.unwrap().completed, 2);
}
