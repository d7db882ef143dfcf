//! What is told of each thing that happens, and in which order.

use std::time::Duration;

use infra_redis::engine::{
    Backoff, Claimed, Deduplication, EngineError, Flow, Flows, JobContext, JobError, JobId,
    JobOptions, JobState, NewJob, QueueEvent, QueueId, ReadFrom, Reply, WorkerSettings,
};
use serde_json::{Value, json};

use crate::support::{TestQueue, echo, next, quick, telling};
use crate::{
    active, added, behind_proxy, by_job, completed, failed, number, open, publish, told, told_many,
    told_until, waiting, waiting_children,
};

#[tokio::test]
async fn what_is_done_to_a_queue_is_told_in_order() {
    let test = TestQueue::new().await;
    let mut events = open(&test, ReadFrom::Now).await;
    test.queue.pause().await.unwrap();
    test.add(json!(1)).await;
    let hour = Duration::from_secs(3600);
    let later = JobOptions {
        delay: hour,
        timestamp: Some(1_700_000_000_000),
        ..JobOptions::default()
    };
    test.queue.add("later", &json!(2), &later).await.unwrap();
    test.queue.promote("2").await.unwrap();
    let mine = JobOptions {
        id: Some(JobId::parse("mine").unwrap()),
        ..JobOptions::default()
    };
    for _ in 0..2 {
        test.queue.add("mine", &json!(3), &mine).await.unwrap();
    }
    let alike = JobOptions {
        deduplication: Some(Deduplication {
            id: "alike".to_owned(),
            ttl: None,
            extend: false,
            replace: false,
            keep_last_if_active: false,
            reschedule: false,
        }),
        ..JobOptions::default()
    };
    for _ in 0..2 {
        test.queue.add("alike", &json!(4), &alike).await.unwrap();
    }
    let progress = json!({"done": "half"});
    test.queue.update_progress("1", &progress).await.unwrap();
    test.queue.remove("1", true).await.unwrap();
    test.queue
        .clean(Duration::ZERO, None, JobState::Waiting)
        .await
        .unwrap();
    let fields = [("who", "Ada"), ("where", "in London")];
    let published = test.queue.publish_event("greeted", &fields, None).await;
    test.queue.resume().await.unwrap();

    let owned = |text: &str| text.to_owned();
    let told_first = told_many(&mut events, 3).await;
    assert_eq!(
        told_first,
        [QueueEvent::Paused, added("1", "job"), waiting("1", None)]
    );
    let told_delayed = told_many(&mut events, 3).await;
    assert_eq!(told_delayed[0], added("2", "later"));
    assert!(
        matches!(&told_delayed[1], QueueEvent::Delayed { job_id, due } if job_id == "2" && *due > 1_700_000_000_000),
        "{told_delayed:?}"
    );
    assert_eq!(told_delayed[2], waiting("2", Some("delayed")));
    let expected = [
        added("mine", "mine"),
        waiting("mine", None),
        QueueEvent::Duplicated {
            job_id: owned("mine"),
        },
        added("5", "alike"),
        waiting("5", None),
        QueueEvent::Deduplicated {
            job_id: owned("5"),
            deduplication_id: owned("alike"),
            deduplicated_job_id: owned("6"),
        },
        QueueEvent::Progress {
            job_id: owned("1"),
            data: owned(r#"{"done":"half"}"#),
        },
        QueueEvent::Removed {
            job_id: owned("1"),
            previous: Some(owned("wait")),
        },
        QueueEvent::Cleaned { count: 3 },
    ];
    assert_eq!(told_many(&mut events, expected.len()).await, expected);
    let greeted = told(&mut events).await;
    assert_eq!(greeted.cursor, published.unwrap());
    let fields = vec![
        (owned("who"), owned("Ada")),
        (owned("where"), owned("in London")),
    ];
    let name = owned("greeted");
    assert_eq!(greeted.event, QueueEvent::Custom { name, fields });
    assert_eq!(told(&mut events).await.event, QueueEvent::Resumed);
    events.stop().await;
}

#[tokio::test]
async fn what_becomes_of_jobs_is_told_in_order() {
    let test = TestQueue::new().await;
    let mut events = open(&test, ReadFrom::Now).await;
    let (processor, _told) = telling(async |job: Claimed<Value>, context: JobContext| {
        let is_first = job.attempt == 1;
        match job.name.as_str() {
            "fails" => Err(JobError::transient("it broke")),
            "retries" | "backs-off" if is_first => Err(JobError::transient("not now")),
            "progresses" => {
                context.update_progress(&50).await.unwrap();
                Ok(json!("half"))
            }
            _ => Ok(job.data),
        }
    });
    let add = async |name: &str, options| {
        let queue = &test.queue;
        queue.add(name, &json!(null), &options).await.unwrap()
    };
    let attempts = |attempts, backoff| JobOptions {
        attempts,
        backoff,
        ..JobOptions::default()
    };
    let fails = add("fails", attempts(1, None)).await;
    let retries = add("retries", attempts(2, None)).await;
    let backoff = Backoff::fixed(Duration::from_millis(50));
    let backs_off = add("backs-off", attempts(2, Some(backoff))).await;
    let progresses = add("progresses", attempts(0, None)).await;

    let worker = test.work(processor).await;
    let all = told_until(&mut events, |event| *event == QueueEvent::Drained).await;
    worker.stop(Duration::from_secs(5)).await;
    events.stop().await;
    let jobs = by_job(&all);
    let exhausted = QueueEvent::RetriesExhausted {
        job_id: fails.clone(),
        attempts_made: 1,
    };
    let expect = |id: &String, expected: &[QueueEvent]| {
        let expected: Vec<_> = expected.iter().collect();
        assert_eq!(jobs[id.as_str()], expected);
    };
    expect(
        &fails,
        &[
            added(&fails, "fails"),
            waiting(&fails, None),
            active(&fails),
            failed(&fails, "it broke"),
            exhausted,
        ],
    );
    expect(
        &retries,
        &[
            added(&retries, "retries"),
            waiting(&retries, None),
            active(&retries),
            waiting(&retries, Some("active")),
            active(&retries),
            completed(&retries, "null"),
        ],
    );
    let delayed = jobs[backs_off.as_str()][3];
    assert!(matches!(delayed, QueueEvent::Delayed { .. }), "{delayed:?}");
    expect(
        &backs_off,
        &[
            added(&backs_off, "backs-off"),
            waiting(&backs_off, None),
            active(&backs_off),
            delayed.clone(),
            waiting(&backs_off, Some("delayed")),
            active(&backs_off),
            completed(&backs_off, "null"),
        ],
    );
    expect(
        &progresses,
        &[
            added(&progresses, "progresses"),
            waiting(&progresses, None),
            active(&progresses),
            QueueEvent::Progress {
                job_id: progresses.clone(),
                data: "50".to_owned(),
            },
            completed(&progresses, r#""half""#),
        ],
    );
}

#[tokio::test]
async fn a_parent_is_told_to_be_released_by_its_last_child() {
    let test = TestQueue::new().await;
    let mut events = open(&test, ReadFrom::Now).await;
    let child = Flow::new(test.id.clone(), "child", json!(1));
    let tree = Flow::new(test.id.clone(), "parent", json!(2)).with_child(child);
    let flow = Flows::new(test.connection.clone())
        .add(&tree)
        .await
        .unwrap();
    let (parent, child) = (flow.id.as_str(), flow.children[0].id.as_str());
    let worker = test.work(echo().0).await;
    let last = completed(parent, "2");
    let all = told_until(&mut events, |event| *event == last).await;
    worker.stop(Duration::from_secs(5)).await;
    let expected = [
        added(parent, "parent"),
        waiting_children(parent, None),
        added(child, "child"),
        waiting(child, None),
        active(child),
        // In one step with what follows, and told in BullMQ's order.
        waiting(parent, Some("waiting-children")),
        completed(child, "1"),
        active(parent),
        last,
    ];
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_job_that_waits_for_children_by_itself_is_told_so() {
    let test = TestQueue::new().await;
    let mut events = open(&test, ReadFrom::Now).await;
    let (processor, _told) = telling(async |job: Claimed<Value>, context: JobContext| {
        if job.name == "parent" && context.children_values().await.unwrap().is_empty() {
            let text = |name| job.data[name].as_str().unwrap();
            let queue = QueueId::parse(text("prefix"), text("queue")).unwrap();
            let child = NewJob {
                name: "child",
                data: json!(1),
                options: JobOptions::default(),
            };
            context.add_child(&queue, &child).await.unwrap();
            return Err(JobError::WaitForChildren);
        }
        Ok(json!(null))
    });
    let id = test.id.to_string();
    let (prefix, name) = id.rsplit_once(':').unwrap();
    let data = json!({"prefix": prefix, "queue": name});
    let parent = test
        .queue
        .add("parent", &data, &JobOptions::default())
        .await
        .unwrap();
    let worker = test.work(processor).await;
    let last = completed(&parent, "null");
    let all = told_until(&mut events, |event| *event == last).await;
    worker.stop(Duration::from_secs(5)).await;
    let expected = [
        added(&parent, "parent"),
        waiting(&parent, None),
        active(&parent),
        waiting_children(&parent, Some("active")),
        waiting(&parent, Some("waiting-children")),
        active(&parent),
        last,
    ];
    assert_eq!(
        by_job(&all)[parent.as_str()],
        expected.iter().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_job_whose_worker_is_lost_is_told_to_have_stalled() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let mut events = open(&direct, ReadFrom::Now).await;
    let (processor, mut lost) = telling(async |_, _| std::future::pending().await);
    let _lost_worker = proxied.work(processor).await;
    let id = direct.add(json!(1)).await;
    next(&mut lost).await;
    proxy.freeze();
    let worker = direct.work(echo().0).await;
    let last = completed(&id, "1");
    let all = told_until(&mut events, |event| *event == last).await;
    worker.stop(Duration::from_secs(5)).await;
    let stalled = QueueEvent::Stalled { job_id: id.clone() };
    let expected = [
        added(&id, "job"),
        waiting(&id, None),
        active(&id),
        waiting(&id, Some("active")),
        stalled,
        active(&id),
        last,
    ];
    assert_eq!(all, expected);
}

/// C-84.
#[tokio::test]
async fn a_worker_that_batches_tells_each_jobs_events_in_causal_order() {
    const JOBS: usize = 600;
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |job: Claimed<Value>, _| {
        let n = job.data.as_u64().unwrap();
        // Some end at once and some later, so that batches are of all sizes.
        if n.is_multiple_of(7) {
            tokio::task::yield_now().await;
        }
        match (n % 10, job.attempt) {
            (1, 1) => Err(JobError::transient("not now")),
            (2, _) => Err(JobError::permanent("never")),
            _ => Ok(job.data),
        }
    });
    let mut events = open(&test, ReadFrom::Now).await;
    let settings = WorkerSettings {
        concurrency: 40,
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    let options = JobOptions {
        attempts: 2,
        ..JobOptions::default()
    };
    let jobs: Vec<_> = (0..JOBS)
        .map(|n| NewJob {
            name: "job",
            data: json!(n),
            options: options.clone(),
        })
        .collect();
    let ids = test.queue.add_bulk(&jobs).await.unwrap();

    let (mut all, mut ended, mut cursor) = (Vec::new(), 0, None);
    while ended < JOBS {
        let recorded = told(&mut events).await;
        assert!(Some(recorded.cursor) > cursor, "out of order: {recorded:?}");
        cursor = Some(recorded.cursor);
        if matches!(
            recorded.event,
            QueueEvent::Completed { .. } | QueueEvent::Failed { .. }
        ) {
            ended += 1;
        }
        all.push(recorded.event);
    }
    worker.stop(Duration::from_secs(5)).await;
    let told = by_job(&all);
    for (n, id) in ids.iter().enumerate() {
        let mut expected = vec![added(id, "job"), waiting(id, None), active(id)];
        match n % 10 {
            1 => expected.extend([
                waiting(id, Some("active")),
                active(id),
                completed(id, &n.to_string()),
            ]),
            2 => expected.push(failed(id, "never")),
            _ => expected.push(completed(id, &n.to_string())),
        }
        assert_eq!(told[id.as_str()], expected.iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_entry_that_makes_no_sense_does_not_stop_the_reader() {
    let test = TestQueue::new().await;
    let mut events = open(&test, ReadFrom::Now).await;
    let malformed: [&[&str]; 4] = [
        &["no", "event"],
        &["event", "completed", "jobId", "1", "returnvalue", "{"],
        &["event", "delayed", "jobId", "1", "delay", "soon"],
        &["event", "active"],
    ];
    for fields in malformed {
        let args: Vec<_> = ["*"].iter().chain(fields).copied().collect();
        test.on("XADD", "events", &args).await;
    }
    publish(&test.queue, 0).await;
    for fields in malformed {
        let pairs = fields.chunks(2);
        let fields = pairs.map(|pair| (pair[0].to_owned(), pair[1].to_owned()));
        let expected = QueueEvent::Unknown {
            fields: fields.collect(),
        };
        assert_eq!(told(&mut events).await.event, expected);
    }
    assert_eq!(number(&told(&mut events).await.event), 0);
}

#[tokio::test]
async fn an_applications_event_can_not_pass_for_the_queues_own() {
    let test = TestQueue::new().await;
    let refused = async |name: &str, fields: &[(&str, &str)]| {
        let refused = test.queue.publish_event(name, fields, None).await;
        let Err(EngineError::Option(error)) = refused else {
            panic!("{refused:?}");
        };
        error.to_string()
    };
    assert_eq!(
        refused("completed", &[]).await,
        "event name: `completed` is an event of the queue itself"
    );
    assert_eq!(refused("", &[]).await, "event name: must not be empty");
    assert_eq!(
        refused("mine", &[("event", "completed")]).await,
        "event fields: `event` holds the name"
    );
    assert_eq!(test.on("EXISTS", "events", &[]).await, Reply::Int(0));
}

#[tokio::test]
async fn an_applications_events_are_trimmed_as_asked() {
    let test = TestQueue::new().await;
    for n in 0..500 {
        let n = n.to_string();
        let fields = [("n", n.as_str())];
        test.queue
            .publish_event("numbered", &fields, Some(10))
            .await
            .unwrap();
    }
    let Reply::Int(length) = test.on("XLEN", "events", &[]).await else {
        panic!("not a length");
    };
    assert!((10..200).contains(&length), "{length} entries");
}
