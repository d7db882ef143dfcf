//! Waiting for a job to finish.

use std::time::Duration;

use infra_redis::engine::{Claimed, JobError, JobOptions, Keep, Queue, WaitError, WorkerSettings};
use serde_json::{Value, json};
use testkit::program::eventually;

use crate::support::{TestQueue, echo, quick, telling};
use crate::{behind_proxy, readers};

#[tokio::test]
async fn a_wait_that_is_given_up_leaves_no_connection_behind() {
    let mut test = TestQueue::new().await;
    let id = test.add(json!(1)).await;
    for millis in 0..40 {
        let wait = test
            .queue
            .wait_until_finished(&id, Duration::from_millis(millis) / 4);
        assert!(matches!(wait.await, Err(WaitError::TimedOut { .. })));
        test.queue = Queue::new(test.connection.clone(), test.id.clone());
    }
    eventually("the connections to be closed", || async {
        (readers(&test).await == 0).then_some(())
    })
    .await;
}

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_end_of_a_job_is_waited_for() {
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |job: Claimed<Value>, _| match job.name.as_str() {
        "fails" => Err(JobError::permanent("it broke")),
        _ => Ok(json!({"text": job.data})),
    });
    let options = JobOptions::default();
    let queue = &test.queue;
    let succeeds = queue.add("job", &json!("ü"), &options).await.unwrap();
    let fails = queue.add("fails", &json!(1), &options).await.unwrap();
    let (value, failure, worker) = tokio::join!(
        queue.wait_until_finished(&succeeds, PATIENCE),
        queue.wait_until_finished(&fails, PATIENCE),
        test.work(processor)
    );
    assert_eq!(value.unwrap(), r#"{"text":"ü"}"#);
    let failure = failure.unwrap_err();
    assert_eq!(failure.to_string(), "it broke");
    assert!(matches!(failure, WaitError::Failed { id, .. } if id == fails));

    // Both have finished before these calls.
    let value = queue.wait_until_finished(&succeeds, PATIENCE).await;
    assert_eq!(value.unwrap(), r#"{"text":"ü"}"#);
    let failure = queue.wait_until_finished(&fails, PATIENCE).await;
    assert_eq!(failure.unwrap_err().to_string(), "it broke");
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_wait_ends_at_its_deadline_with_bullmqs_text() {
    let test = TestQueue::new().await;
    let id = test.add(json!(1)).await;
    // The connection is made by a wait of its own, so that the next one's time is its own.
    for millis in [1, 800] {
        let deadline = Duration::from_millis(millis);
        let waited = test.queue.wait_until_finished(&id, deadline).await;
        let error = waited.unwrap_err();
        assert!(matches!(&error, WaitError::TimedOut { .. }));
        if millis > 1 {
            assert_eq!(
                error.to_string(),
                "Job wait job timed out before finishing, no finish notification arrived after \
                 800ms (id=1)"
            );
        }
    }
    let job = test.queue.job(&id).await.unwrap().unwrap();
    assert_eq!(job.finished_on, None);
}

#[tokio::test]
async fn a_job_that_does_not_exist_is_not_waited_for() {
    let test = TestQueue::new().await;
    let waited = test.queue.wait_until_finished("17", PATIENCE).await;
    let error = waited.unwrap_err();
    assert!(matches!(&error, WaitError::Missing { id } if id == "17"));
    assert_eq!(error.to_string(), "Missing key for job 17. isFinished");
}

#[tokio::test]
async fn a_job_that_is_removed_is_no_longer_waited_for() {
    let test = TestQueue::new().await;
    let id = test.add(json!(1)).await;
    let remove = async {
        // The wait is heard by its connection.
        until_a_wait_has_begun(&test).await;
        test.queue.remove(&id, true).await.unwrap();
    };
    let (waited, ()) = tokio::join!(test.queue.wait_until_finished(&id, PATIENCE), remove);
    assert!(
        matches!(waited, Err(WaitError::Missing { .. })),
        "{waited:?}"
    );
}

async fn until_a_wait_has_begun(test: &TestQueue) {
    eventually("the wait to begin", || async {
        (readers(test).await == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_not_kept_is_waited_for_also_when_it_is_gone() {
    let test = TestQueue::new().await;
    let worker = test.work(echo().0).await;
    let options = JobOptions {
        keep_completed: Some(Keep::None),
        ..JobOptions::default()
    };
    for n in 0..20 {
        let id = test.queue.add("job", &json!(n), &options).await.unwrap();
        if n % 2 == 0 {
            eventually("the job to be gone", || async {
                test.queue.job(&id).await.ok()?.is_none().then_some(())
            })
            .await;
        }
        let value = test.queue.wait_until_finished(&id, PATIENCE).await;
        assert_eq!(value.unwrap(), n.to_string());
    }
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn all_waits_of_a_queue_share_one_connection_until_it_is_dropped() {
    let test = TestQueue::new().await;
    let worker = test
        .work_with(
            echo().0,
            WorkerSettings {
                concurrency: 10,
                ..quick()
            },
        )
        .await;
    let queue = test.queue.clone();
    let mut waits = tokio::task::JoinSet::new();
    for n in 0..200 {
        let id = queue
            .add("job", &json!(n), &JobOptions::default())
            .await
            .unwrap();
        let queue = queue.clone();
        waits.spawn(async move { (n, queue.wait_until_finished(&id, PATIENCE).await) });
    }
    while let Some(waited) = waits.join_next().await {
        let (n, value) = waited.unwrap();
        assert_eq!(value.unwrap(), n.to_string());
    }
    assert_eq!(readers(&test).await, 1);
    worker.stop(Duration::from_secs(5)).await;

    drop(queue);
    let mut test = test;
    test.queue = Queue::new(test.connection.clone(), test.id.clone());
    eventually("the connection to be closed", || async {
        (readers(&test).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_wait_survives_cut_connections() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let id = direct.add(json!(1)).await;
    let work = async {
        until_a_wait_has_begun(&direct).await;
        proxy.cut();
        direct.work(echo().0).await
    };
    let (value, worker) = tokio::join!(proxied.queue.wait_until_finished(&id, PATIENCE), work);
    assert_eq!(value.unwrap(), "1");
    worker.stop(Duration::from_secs(5)).await;
}
