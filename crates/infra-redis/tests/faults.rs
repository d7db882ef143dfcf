//! Faults of the network and of Valkey: nothing is lost, nothing happens twice unnoticed.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use infra_redis::engine::{
    Connection, ConnectionSettings, EngineError, JobId, JobOptions, JobOutcome, Queue, QueueId,
    Reply, Worker, WorkerObserver, WorkerSettings,
};
use serde_json::json;
use support::{Counter, TestQueue, echo, next, quick, telling};
use testkit::program::eventually;
use testkit::proxy::Proxy;
use testkit::valkey::{PrivateValkey, shared_url};
use tokio::sync::Notify;

/// How the answer to a call begins that settled one job and took none. Other connections of a worker
/// are answered when it pleases the server.
const SETTLED: &str = "*3\r\n:0\r\n:0\r\n";

/// A queue behind a proxy, and the same queue without it.
async fn behind_proxy() -> (Proxy, TestQueue, TestQueue) {
    let url = shared_url().await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap())
        .await
        .unwrap();
    let proxied = TestQueue::at(&proxy.url()).await;
    let mut direct = TestQueue::at(&url).await;
    direct.queue = infra_redis::engine::Queue::new(direct.connection.clone(), proxied.id.clone());
    direct.id = proxied.id.clone();
    (proxy, proxied, direct)
}

#[tokio::test]
async fn an_add_whose_answer_is_lost_is_told_and_harmless_to_repeat() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let options = JobOptions {
        id: Some(JobId::parse("event-1").unwrap()),
        ..JobOptions::default()
    };
    // The script is known before the fault, so that the lost answer is the add's own.
    proxied.add(json!("first")).await;
    proxy.drop_next_reply();
    let lost = proxied.queue.add("job", &json!(1), &options).await;
    assert!(matches!(lost, Err(EngineError::Unavailable(_))), "{lost:?}");
    let id = eventually("the connection to come back", || async {
        proxied.queue.add("job", &json!(1), &options).await.ok()
    })
    .await;
    assert_eq!(id, "event-1");
    assert_eq!(direct.queue.counts().await.unwrap().waiting, 2);
}

#[tokio::test]
async fn a_settlement_whose_answer_is_lost_takes_effect_once() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let performed = Counter::default();
    let counted = performed.clone();
    let (go, gone) = tokio::sync::watch::channel(false);
    let (processor, mut told) = telling(move |_, _| {
        counted.up();
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            Ok(json!(null))
        }
    });
    // No renewal during the test, so that nothing else happens to the lock.
    let lock_duration = Duration::from_secs(600);
    let settings = WorkerSettings {
        lock_duration,
        stalled_interval: lock_duration,
        ..quick()
    };
    let worker = proxied.work_with(processor, settings).await;
    let first = direct.add(json!(1)).await;
    next(&mut told).await;
    proxy.drop_next_reply_with(SETTLED);
    go.send(true).unwrap();
    let job = direct.finished(&first).await;
    assert_eq!(job.attempts_made, 1);
    // The server has settled the job before the answer comes to the proxy.
    eventually("the fault", || async { (!proxy.is_armed()).then_some(()) }).await;

    let second = direct.add(json!(2)).await;
    direct.finished(&second).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(performed.get(), 2);
    let counts = direct.queue.counts().await.unwrap();
    assert_eq!((counts.completed, counts.active, counts.waiting), (2, 0, 0));
}

#[tokio::test]
async fn a_settlement_that_was_recorded_is_no_loss_to_a_worker_that_stops_before_it_knows() {
    let (proxy, proxied, _direct) = behind_proxy().await;
    let (go, gone) = tokio::sync::watch::channel(false);
    let (processor, mut told) = telling(move |_, _| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            Ok(json!(null))
        }
    });
    let witness = Arc::new(Witness::default());
    // No renewal during the test, so that nothing else happens to the lock.
    let lock_duration = Duration::from_secs(600);
    let settings = WorkerSettings {
        lock_duration,
        stalled_interval: lock_duration,
        observer: Some(witness.clone()),
        ..quick()
    };
    let worker = proxied.work_with(processor, settings).await;
    proxied.add(json!(1)).await;
    next(&mut told).await;
    proxy.drop_next_reply_with(SETTLED);
    go.send(true).unwrap();
    // Before the call is made again, the worker is told to stop at once.
    witness.failed.notified().await;
    let report = worker.stop(Duration::ZERO).await;
    assert_eq!((report.finished, report.abandoned), (1, 0));
    let outcomes = witness.outcomes.lock().unwrap().clone();
    assert_eq!(outcomes, [JobOutcome::Completed]);
}

/// Notes what became of attempts, and when a call failed.
#[derive(Default)]
struct Witness {
    outcomes: Mutex<Vec<JobOutcome>>,
    failed: Notify,
}

impl WorkerObserver for Witness {
    fn attempt_ended(&self, outcome: JobOutcome, _: Duration) {
        self.outcomes.lock().unwrap().push(outcome);
    }

    fn called(&self, outcome: Result<(), &EngineError>) {
        if outcome.is_err() {
            self.failed.notify_one();
        }
    }
}

#[tokio::test]
async fn jobs_whose_claim_was_answered_into_the_void_are_worked_at_once() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let (processor, _told) = echo();
    // Were they left to the look for stalled jobs, they would wait for an hour.
    let hour = Duration::from_secs(3600);
    let settings = WorkerSettings {
        lock_duration: hour,
        stalled_interval: hour,
        idle_poll: hour,
        concurrency: 5,
        ..quick()
    };
    let worker = proxied.work_with(processor, settings).await;
    proxy.drop_next_reply_with("find me");
    let ids = [
        direct.add(json!("find me")).await,
        direct.add(json!("and me")).await,
    ];
    for id in &ids {
        let job = direct.finished(id).await;
        assert_eq!((job.attempts_started, job.stalls), (1, 0));
    }
    assert!(!proxy.is_armed(), "the fault was not caused");
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_worker_whose_connections_fell_silent_gets_others() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let (processor, _told) = echo();
    let idle_poll = Duration::from_millis(200);
    let worker = proxied
        .work_with(
            processor,
            WorkerSettings {
                idle_poll,
                ..quick()
            },
        )
        .await;
    let first = direct.add(json!(1)).await;
    direct.finished(&first).await;
    proxy.freeze_open_connections();
    let second = direct.add(json!(2)).await;
    direct.finished(&second).await;
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_worker_stops_although_nobody_answers() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let (processor, mut told) = telling(async |_, _| {
        std::future::pending::<()>().await;
        Ok(json!(null))
    });
    let worker = proxied.work(processor).await;
    direct.add(json!(1)).await;
    next(&mut told).await;
    proxy.freeze();
    let started = std::time::Instant::now();
    let report = worker.stop(Duration::from_millis(500)).await;
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(
        (report.finished, report.handed_back, report.abandoned),
        (0, 0, 1)
    );
}

#[tokio::test]
async fn a_worker_goes_on_after_its_connections_were_cut() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let (processor, _told) = echo();
    let worker = proxied.work(processor).await;
    for n in 0..3 {
        let id = direct.add(json!(n)).await;
        direct.finished(&id).await;
        proxy.cut();
    }
    let last = direct.add(json!("last")).await;
    direct.finished(&last).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(direct.queue.counts().await.unwrap().completed, 4);
}

#[tokio::test]
async fn a_worker_goes_on_after_valkey_was_killed_and_started_again() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&valkey.url()).await;
    let (processor, _told) = echo();
    let worker = test.work(processor).await;
    let before = test.add(json!("before")).await;
    test.finished(&before).await;

    valkey.kill().await.unwrap();
    let away = test
        .queue
        .add("job", &json!("lost"), &JobOptions::default())
        .await;
    assert!(matches!(away, Err(EngineError::Unavailable(_))), "{away:?}");
    valkey.restart().await.unwrap();

    // The scripts are gone with the old server, and are sent again.
    let after = eventually("an add to succeed", || async {
        test.queue
            .add("job", &json!("after"), &JobOptions::default())
            .await
            .ok()
    })
    .await;
    test.finished(&after).await;
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_sent_them() {
    let valkey = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&valkey.url()).await;
    test.add(json!(1)).await;
    test.connection
        .command("SCRIPT", vec!["FLUSH".to_owned()])
        .await
        .unwrap();
    test.add(json!(2)).await;
    assert_eq!(test.queue.counts().await.unwrap().waiting, 2);
}

#[tokio::test]
async fn commands_beyond_what_memory_is_spent_on_are_refused_while_valkey_is_away() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let queue = TestQueue::at(&valkey.url()).await;
    valkey.kill().await.unwrap();
    eventually("the connection to be known as lost", || async {
        queue.connection.ping().await.err()
    })
    .await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..11_000 {
        let connection = queue.connection.clone();
        asking.spawn(async move { connection.command("LLEN", vec!["list".to_owned()]).await });
    }
    let mut overloaded = 0;
    for answer in asking.join_all().await {
        match answer {
            Err(EngineError::Overloaded { .. }) => overloaded += 1,
            Err(EngineError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    // A few that the client sends on its own may wait among them.
    assert!(
        (1..=1_010).contains(&overloaded),
        "{overloaded} were refused"
    );

    valkey.restart().await.unwrap();
    eventually("the connection to come back", || async {
        queue.connection.ping().await.ok()
    })
    .await;
    queue.add(json!(1)).await;
}

#[tokio::test]
async fn a_worker_waits_for_a_valkey_that_is_away_at_the_start() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let settings = ConnectionSettings::parse(&valkey.url()).unwrap();
    valkey.kill().await.unwrap();
    let connection = Connection::open_or_wait(&settings).await.unwrap();
    eventually("the reason to be known", || async {
        let away = connection.ping().await.unwrap_err().to_string();
        (away == "Valkey is unavailable: connection refused").then_some(())
    })
    .await;

    let id = QueueId::parse(&testkit::valkey::unique_prefix(), "q").unwrap();
    let (processor, _told) = echo();
    let start = Worker::start_when_possible(&settings, id.clone(), processor, quick());
    let restart = async {
        eventually("a second look", || async { connection.ping().await.err() }).await;
        valkey.restart().await.unwrap();
    };
    let (worker, ()) = tokio::join!(start, restart);
    let worker = worker.unwrap();
    let queue = Queue::new(connection, id);
    queue
        .add("job", &json!(1), &JobOptions::default())
        .await
        .unwrap();
    eventually("the job to complete", || async {
        (queue.counts().await.ok()?.completed == 1).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
}

/// Remembers what came of the latest call.
#[derive(Default)]
struct Calls(Mutex<Option<Result<(), String>>>);

impl WorkerObserver for Calls {
    fn attempt_ended(&self, _outcome: JobOutcome, _duration: Duration) {}

    fn called(&self, outcome: Result<(), &EngineError>) {
        *self.0.lock().unwrap() = Some(outcome.map_err(ToString::to_string));
    }
}

#[tokio::test]
async fn a_worker_whose_queue_is_refused_to_it_says_so_and_goes_on_when_it_is_not() {
    let test = TestQueue::new().await;
    // Another program has taken one of the queue's names for something else.
    test.on("SET", "wait", &["not a list"]).await;
    let calls = Arc::new(Calls::default());
    let (processor, _told) = echo();
    let observer = Arc::clone(&calls) as Arc<dyn WorkerObserver>;
    let settings = WorkerSettings {
        observer: Some(observer),
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    let told = eventually("the refusal", || async {
        calls.0.lock().unwrap().clone()?.err()
    })
    .await;
    assert!(
        told.starts_with("Valkey refused settle_and_fetch: WRONGTYPE"),
        "{told}"
    );
    test.on("DEL", "wait", &[]).await;
    let id = test.add(json!(1)).await;
    test.finished(&id).await;
    assert_eq!(*calls.0.lock().unwrap(), Some(Ok(())));
    worker.stop(Duration::from_secs(5)).await;
}

/// What the server says to a command about its clients.
async fn client(test: &TestQueue, words: &[&str]) -> String {
    let words = words.iter().map(ToString::to_string).collect();
    match test.connection.command("CLIENT", words).await.unwrap() {
        Reply::Text(text) => text,
        other => panic!("not a text: {other:?}"),
    }
}

#[tokio::test]
async fn a_job_whose_claim_was_answered_too_late_goes_back_at_once_and_uncounted() {
    let server = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&server.url()).await;
    let (processor, mut told) = telling(|_, _| std::future::ready(Ok(json!(null))));
    let lock_duration = Duration::from_secs(1);
    let settings = WorkerSettings {
        lock_duration,
        // Nobody else gives the job back.
        stalled_interval: Duration::from_secs(3600),
        ..quick()
    };
    let id = test.add(json!(1)).await;
    // The claim is performed when the worker can't rely on the lock any more that it sets.
    let connecting = Worker::connect(&test.settings, test.id.clone(), processor, settings);
    let connected = connecting.await.unwrap();
    client(&test, &["PAUSE", "60000", "WRITE"]).await;
    let worker = connected.start();
    eventually("the claim to be held up", || async {
        let held_up = |line: &str| line.contains(" flags=b ") && line.contains(" cmd=evalsha ");
        let clients = client(&test, &["LIST"]).await;
        clients.lines().any(held_up).then_some(())
    })
    .await;
    tokio::time::sleep(lock_duration * 3 / 2).await;
    client(&test, &["UNPAUSE"]).await;
    assert_eq!(next(&mut told).await.id, id);
    let job = test.finished(&id).await;
    assert_eq!(
        (job.attempts_made, job.attempts_started, job.stalls),
        (1, 2, 0)
    );
    worker.stop(Duration::from_secs(5)).await;
}
