//! Jobs of workers that were killed are taken over by the others, and those of live ones never.

use std::process::Stdio;
use std::time::Duration;

use infra_redis::engine::{Queue, QueueId, Reply, WorkerSettings};
use serde_json::{Value, json};
use testkit::peer::Make;
use testkit::program::eventually;
use testkit::valkey::shared_url;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::support::{TestQueue, next, quick, telling};
use super::{Fleet, Member, events, holding};

const LOCK: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_millis(400);
const OURS: &str = "KILLED_WORKER_QUEUE";

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// A worker's settings, as BullMQ takes them.
fn options() -> Value {
    json!({"lockDuration": millis(LOCK), "stalledInterval": millis(INTERVAL), "drainDelay": 600})
}

fn settings() -> WorkerSettings {
    WorkerSettings {
        lock_duration: LOCK,
        stalled_interval: INTERVAL,
        ..super::woken_only()
    }
}

/// The body of the process that is killed; without its variable there is nothing to do.
#[tokio::test]
async fn a_worker_keeps_its_job_until_its_process_is_killed() {
    let Ok(place) = std::env::var(OURS) else {
        return;
    };
    let (url, prefix) = place.split_once(' ').unwrap();
    let mut test = TestQueue::at(url).await;
    test.id = QueueId::parse(prefix, "q").unwrap();
    test.queue = Queue::new(test.connection.clone(), test.id.clone());
    let (processor, _told) = telling(|_, _| std::future::pending());
    let _worker = test.work_with(processor, settings()).await;
    std::future::pending::<()>().await;
}

/// A worker of this engine in a process of its own.
async fn our_process(test: &TestQueue) -> Child {
    let place = format!("{} {}", shared_url().await, test.id.prefix());
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("recovery::a_worker_keeps_its_job_until_its_process_is_killed")
        .env(OURS, place)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Adds two jobs of which only one may be active: the second shows who was in front.
async fn two_jobs(test: &TestQueue) -> [String; 2] {
    let one = std::num::NonZeroU32::MIN;
    test.queue.set_global_concurrency(one).await.unwrap();
    [test.add(json!(1)).await, test.add(json!(2)).await]
}

async fn until_active(test: &TestQueue) {
    eventually("the first job to start", || async {
        (test.queue.counts().await.ok()?.active == 1).then_some(())
    })
    .await;
}

/// Waits until both jobs are done, of which the first was taken over, and looks at what is left.
async fn check_takeover(test: &TestQueue, first: &str, killed: Instant) {
    eventually("the job to be taken over", || async {
        let job = test.queue.job(first).await.ok()??;
        (job.stalls == 1).then_some(())
    })
    .await;
    let limit = LOCK + 2 * INTERVAL;
    let passed = killed.elapsed();
    // The second is for a machine that others use too.
    assert!(passed < limit + Duration::from_secs(1), "{passed:?}");
    test.until_completed(2).await;
    let job = test.queue.job(first).await.unwrap().unwrap();
    assert_eq!((job.attempts_started, job.attempts_made), (2, 1));
    let told: Vec<_> = events(test)
        .await
        .into_iter()
        .filter(|entry| entry.fields.get("jobId").is_some_and(|id| id == first))
        .map(|entry| {
            let previous = entry.fields.get("prev").cloned().unwrap_or_default();
            (entry.fields["event"].clone(), previous)
        })
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(event, previous)| (event.as_str(), previous.as_str()))
        .collect();
    let expected = [
        ("added", ""),
        ("waiting", ""),
        ("active", "waiting"),
        ("waiting", "active"),
        ("stalled", ""),
        ("active", "waiting"),
        ("completed", "active"),
    ];
    assert_eq!(told, expected);
}

async fn ours_is_killed(make: Make) {
    if !make.is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let [first, second] = two_jobs(&test).await;
    let mut ours = our_process(&test).await;
    until_active(&test).await;
    let mut other = Member::join(make, &test).await;
    other.work(&json!(0), options()).await;
    ours.kill().await.unwrap();
    check_takeover(&test, &first, Instant::now()).await;
    assert_eq!(other.stop().await, [first, second]);
}

#[tokio::test]
async fn the_job_of_a_killed_worker_of_ours_is_taken_over_by_version_6() {
    ours_is_killed(Make::Node6).await;
}

#[tokio::test]
async fn the_job_of_a_killed_worker_of_ours_is_taken_over_by_version_5() {
    ours_is_killed(Make::Node5).await;
}

async fn theirs_is_killed(make: Make) {
    if !make.is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let [first, second] = two_jobs(&test).await;
    let mut other = Member::join(make, &test).await;
    other.work(&json!("for ever"), options()).await;
    until_active(&test).await;
    let (processor, told) = holding(Duration::ZERO);
    let ours = test.work_with(processor, settings()).await;
    other.kill().await;
    check_takeover(&test, &first, Instant::now()).await;
    ours.stop(Duration::from_secs(5)).await;
    assert_eq!(super::ids(told), [first, second]);
}

#[tokio::test]
async fn the_job_of_a_killed_worker_of_version_6_is_taken_over_here() {
    theirs_is_killed(Make::Node6).await;
}

#[tokio::test]
async fn the_job_of_a_killed_worker_of_version_5_is_taken_over_here() {
    theirs_is_killed(Make::Node5).await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_when_its_worker_was_killed_is_failed_by_version_6_unworked() {
    let make = Make::Node6;
    if !make.is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let id = test.add(json!(1)).await;
    let mut ours = our_process(&test).await;
    until_active(&test).await;
    ours.kill().await.unwrap();
    test.queue.cancel(&id, Some("by Ada")).await.unwrap();
    let mut other = Member::join(make, &test).await;
    other.work(&json!(0), options()).await;
    let job = test.finished(&id).await;
    assert_eq!(job.failed_reason.as_deref(), Some("cancelled: by Ada"));
    assert_eq!(job.deferred_failure, None);
    assert_eq!(other.stop().await, Vec::<String>::new());
}

/// The last check for stalled jobs: what was noted, and how long it keeps others from checking.
async fn last_check(test: &TestQueue) -> (Reply, u64) {
    // In this order, so that a time that has just run out is not taken for the next one's.
    let left = match test.on("PTTL", "stalled-check", &[]).await {
        Reply::Int(left) => u64::try_from(left).unwrap_or(0),
        other => panic!("expected a time: {other:?}"),
    };
    (test.on("GET", "stalled-check", &[]).await, left)
}

#[tokio::test]
async fn live_workers_keep_long_jobs_and_check_in_turn() {
    const CHECKS: u32 = 12;
    let Some(mut fleet) = Fleet::gather().await else {
        return;
    };
    let (go, gone) = tokio::sync::watch::channel(false);
    let (processor, mut told) = telling(move |_, _| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            Ok(json!(null))
        }
    });
    let ours = fleet.test.work_with(processor, quick()).await;
    let first = fleet.test.add(json!("long")).await;
    next(&mut told).await;
    let quick = quick();
    let options = json!({
        "lockDuration": millis(quick.lock_duration),
        "stalledInterval": millis(quick.stalled_interval),
    });
    fleet.five.work(&json!(3000), options.clone()).await;
    fleet.six.work(&json!(3000), options).await;
    let second = fleet.test.add(json!("theirs")).await;
    let third = fleet.test.add(json!("theirs too")).await;

    // So many checks last several times as long as a lock does without renewal.
    let mut checks = 0;
    let mut seen = (Reply::Nil, Instant::now());
    while checks < CHECKS {
        let asked = Instant::now();
        let (value, left) = last_check(&fleet.test).await;
        if value != Reply::Nil && value != seen.0 {
            // The answer may be late, but never early.
            assert!(Instant::now() >= seen.1, "two checks in one interval");
            checks += 1;
        }
        if value != Reply::Nil {
            seen = (value, asked + Duration::from_millis(left.saturating_sub(1)));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    go.send(true).unwrap();
    for id in [&first, &second, &third] {
        let job = fleet.test.finished(id).await;
        assert_eq!((job.attempts_started, job.stalls), (1, 0), "{job:?}");
    }
    ours.stop(Duration::from_secs(5)).await;
    assert_eq!(super::ids(told).len(), 0);
    assert_eq!(fleet.five.worked().await.len(), 1);
    assert_eq!(fleet.six.worked().await.len(), 1);
    let stalled = events(&fleet.test).await;
    assert!(!stalled.iter().any(|entry| entry.is("stalled")));
}
