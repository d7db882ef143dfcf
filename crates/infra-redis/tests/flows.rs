//! Flows against a real Valkey: what a parent does when its children end, in each way they can.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{
    AddedFlow, ChildFailure, Claimed, EngineError, Flow, Flows, JobError, JobId, JobOptions,
    ParentJob, QueueId, Reply, ScriptError,
};
use serde_json::{Value, json};
use support::{Counter, TestQueue, next, telling};
use testkit::program::eventually;

/// A parent in a queue of its own over children in the test's queue.
struct Family {
    children: TestQueue,
    parents: TestQueue,
    flows: Flows,
}

impl Family {
    async fn new() -> Self {
        let children = TestQueue::new().await;
        let mut parents = TestQueue::new().await;
        let prefix = children.id.to_string();
        let prefix = prefix.rsplit_once(':').unwrap().0;
        parents.id = QueueId::parse(prefix, "parents").unwrap();
        parents.queue =
            infra_redis::engine::Queue::new(parents.connection.clone(), parents.id.clone());
        Self {
            flows: Flows::new(children.connection.clone()),
            children,
            parents,
        }
    }

    fn parent(&self) -> Flow {
        Flow::new(self.parents.id.clone(), "parent", json!("parent"))
    }

    fn child(&self, n: u32) -> Flow {
        Flow::new(self.children.id.clone(), "child", json!(n))
    }

    fn failing_child(&self, on_failure: ChildFailure) -> Flow {
        self.child(0).with_options(JobOptions {
            on_failure,
            ..JobOptions::default()
        })
    }

    async fn add(&self, flow: Flow) -> AddedFlow {
        self.flows.add(&flow).await.unwrap()
    }

    fn child_key(&self, id: &str) -> String {
        format!("{}:{id}", self.children.id)
    }

    /// A hash of the parent, as pairs.
    async fn of_parent(&self, id: &str, suffix: &str) -> Vec<String> {
        match self
            .parents
            .on("HGETALL", &format!("{id}:{suffix}"), &[])
            .await
        {
            Reply::List(parts) => parts.into_iter().map(text).collect(),
            other => panic!("not a list: {other:?}"),
        }
    }

    async fn waits(&self) -> bool {
        self.parents.queue.counts().await.unwrap().waiting_children == 1
    }
}

fn text(reply: Reply) -> String {
    match reply {
        Reply::Text(text) => text,
        other => panic!("not a text: {other:?}"),
    }
}

/// Fails jobs whose data is 0.
fn fails_zero() -> (
    support::Telling<impl Fn(Claimed<Value>, infra_redis::engine::JobContext) -> support::Ready>,
    support::Told,
) {
    telling(|job: Claimed<Value>, _context| {
        std::future::ready(if job.data == json!(0) {
            Err(JobError::permanent("it broke"))
        } else {
            Ok(json!({"done": job.data}))
        })
    })
}

#[tokio::test]
async fn a_parent_runs_once_its_last_child_has_completed_and_finds_their_values() {
    let family = Family::new().await;
    let flow = family
        .parent()
        .with_child(family.child(1))
        .with_child(family.child(2));
    let added = family.add(flow).await;
    assert!(family.waits().await);
    let tree = family
        .flows
        .get(&family.parents.id, &added.id, 5, 100)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(tree.children.len(), 2);
    assert_eq!(tree.job.name, "parent");

    let (parent, _told) = telling(async |job: Claimed<Value>, _| Ok(job.data));
    let parent = family.parents.work(parent).await;
    let (child, _told) = fails_zero();
    let child = family.children.work(child).await;
    family.parents.finished(&added.id).await;
    let mut values = family.of_parent(&added.id, "processed").await;
    values.sort();
    let mut expected = vec![
        family.child_key(&added.children[0].id),
        r#"{"done":1}"#.to_owned(),
        family.child_key(&added.children[1].id),
        r#"{"done":2}"#.to_owned(),
    ];
    expected.sort();
    assert_eq!(values, expected);
    parent.stop(Duration::from_secs(5)).await;
    child.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_failed_child_fails_its_parent_at_once_if_it_says_so() {
    let family = Family::new().await;
    let flow = family
        .parent()
        .with_child(family.failing_child(ChildFailure::FailParent))
        .with_child(family.child(1).with_options(JobOptions {
            delay: Duration::from_secs(3600),
            ..JobOptions::default()
        }));
    let added = family.add(flow).await;
    let (parent, mut told) = telling(async |job: Claimed<Value>, _| Ok(job.data));
    let parent = family.parents.work(parent).await;
    let (child, _told) = fails_zero();
    let child = family.children.work(child).await;
    let job = family.parents.finished(&added.id).await;
    let key = family.child_key(&added.children[0].id);
    assert_eq!(job.failed_reason, Some(format!("child {key} failed")));
    assert!(
        told.try_recv().is_err(),
        "the parent's processor was called"
    );
    let unsuccessful = format!("{}:unsuccessful", added.id);
    let unsuccessful = family
        .parents
        .on("ZRANGE", &unsuccessful, &["0", "-1"])
        .await;
    assert_eq!(unsuccessful, Reply::List(vec![Reply::Text(key)]));
    parent.stop(Duration::from_secs(5)).await;
    child.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_ignored_failure_is_recorded_and_a_removed_one_is_not() {
    for (policy, recorded) in [(ChildFailure::Ignore, true), (ChildFailure::Remove, false)] {
        let family = Family::new().await;
        let flow = family
            .parent()
            .with_child(family.failing_child(policy))
            .with_child(family.child(1));
        let added = family.add(flow).await;
        let (parent, _told) = telling(async |job: Claimed<Value>, _| Ok(job.data));
        let parent = family.parents.work(parent).await;
        let (child, _told) = fails_zero();
        let child = family.children.work(child).await;
        let job = family.parents.finished(&added.id).await;
        assert_eq!(job.failed_reason, None);
        let failures = family.of_parent(&added.id, "failed").await;
        let key = family.child_key(&added.children[0].id);
        let expected = if recorded {
            vec![key, "it broke".to_owned()]
        } else {
            vec![]
        };
        assert_eq!(failures, expected);
        parent.stop(Duration::from_secs(5)).await;
        child.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_parent_that_goes_on_without_its_children_can_not_complete_while_some_are_left() {
    let family = Family::new().await;
    let later = JobOptions {
        delay: Duration::from_secs(3600),
        ..JobOptions::default()
    };
    let flow = family
        .parent()
        .with_child(family.failing_child(ChildFailure::ContinueParent))
        .with_child(family.child(1).with_options(later));
    let added = family.add(flow).await;
    let (parent, mut told) = telling(async |job: Claimed<Value>, _| Ok(job.data));
    let parent = family.parents.work(parent).await;
    let (child, _told) = fails_zero();
    let child = family.children.work(child).await;
    assert_eq!(next(&mut told).await.id, added.id);
    let job = family.parents.finished(&added.id).await;
    let reason = job.failed_reason.unwrap();
    assert_eq!(
        reason,
        format!("Job {} has pending dependencies. moveToFinished", added.id)
    );
    parent.stop(Duration::from_secs(5)).await;
    child.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_parent_waits_for_a_failed_child_until_it_is_tried_again() {
    let family = Family::new().await;
    let added = family
        .add(
            family
                .parent()
                .with_child(family.failing_child(ChildFailure::Hold)),
        )
        .await;
    let (child, _told) = fails_zero();
    let child = family.children.work(child).await;
    let failed = family.children.finished(&added.children[0].id).await;
    assert_eq!(failed.failed_reason.as_deref(), Some("it broke"));
    assert!(family.waits().await);
    child.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_released_parent_keeps_its_priority_and_its_delay() {
    let family = Family::new().await;
    let prioritized = JobOptions {
        priority: 5,
        ..JobOptions::default()
    };
    let delayed = JobOptions {
        delay: Duration::from_secs(3600),
        ..JobOptions::default()
    };
    for options in [prioritized, delayed] {
        family
            .add(
                family
                    .parent()
                    .with_options(options)
                    .with_child(family.child(1)),
            )
            .await;
    }
    let (child, _told) = fails_zero();
    let child = family.children.work(child).await;
    eventually("both parents to be released", || async {
        let counts = family.parents.queue.counts().await.ok()?;
        (counts.waiting_children == 0).then_some(())
    })
    .await;
    let counts = family.parents.queue.counts().await.unwrap();
    assert_eq!(
        (counts.prioritized, counts.delayed, counts.waiting),
        (1, 1, 0)
    );
    child.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_flow_over_children_that_had_completed_before_is_released_at_once() {
    let family = Family::new().await;
    let options = JobOptions {
        id: Some(JobId::parse("done").unwrap()),
        ..JobOptions::default()
    };
    let (child, _told) = fails_zero();
    let child = family.children.work(child).await;
    family
        .children
        .queue
        .add("child", &json!(7), &options)
        .await
        .unwrap();
    family.children.finished("done").await;
    let added = family
        .add(
            family
                .parent()
                .with_child(family.child(7).with_options(options)),
        )
        .await;
    assert_eq!(added.children[0].refused, None);
    let counts = family.parents.queue.counts().await.unwrap();
    assert_eq!((counts.waiting_children, counts.waiting), (0, 1));
    let processed = family.of_parent(&added.id, "processed").await;
    assert_eq!(
        processed,
        [family.child_key("done"), r#"{"done":7}"#.to_owned()]
    );
    child.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn another_parents_child_is_refused_and_the_rest_of_the_flow_is_there() {
    let family = Family::new().await;
    let mine = JobOptions {
        id: Some(JobId::parse("mine").unwrap()),
        ..JobOptions::default()
    };
    let first = family
        .add(
            family
                .parent()
                .with_child(family.child(1).with_options(mine.clone())),
        )
        .await;
    let second = family
        .add(
            family
                .parent()
                .with_child(family.child(1).with_options(mine))
                .with_child(family.child(2)),
        )
        .await;
    let refused = second.children[0].refused.clone();
    let parent = format!("{}:{}", family.parents.id, second.id);
    assert_eq!(
        refused,
        Some(ScriptError::ParentCannotBeReplaced {
            parent,
            operation: "addJob"
        })
    );
    assert_eq!(second.children[1].refused, None);
    let of = async |id: &str| {
        family
            .parents
            .on("SCARD", &format!("{id}:dependencies"), &[])
            .await
    };
    assert_eq!(
        (of(&first.id).await, of(&second.id).await),
        (Reply::Int(1), Reply::Int(1))
    );
}

#[tokio::test]
async fn a_child_without_its_parent_is_refused_before_anything_is_written() {
    let family = Family::new().await;
    let options = JobOptions {
        parent: Some(ParentJob {
            queue: family.parents.id.clone(),
            id: "gone".to_owned(),
        }),
        ..JobOptions::default()
    };
    let refused = family
        .children
        .queue
        .add("child", &json!(1), &options)
        .await;
    let Err(EngineError::Script(error)) = refused else {
        panic!("{refused:?}")
    };
    let expected = format!(
        "Missing key for parent job {}:gone. addJob",
        family.parents.id
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(family.children.on("EXISTS", "id", &[]).await, Reply::Int(0));
}

#[tokio::test]
async fn a_processor_can_add_children_and_wait_for_them() {
    let family = Family::new().await;
    let calls = Counter::default();
    let counted = calls.clone();
    let (children, parents) = (family.children.queue.clone(), family.parents.id.clone());
    let (parent, _told) = telling(move |job: Claimed<Value>, _| {
        let call = counted.up();
        let (children, parents) = (children.clone(), parents.clone());
        async move {
            if call > 1 {
                return Ok(json!("after its child"));
            }
            let options = JobOptions {
                parent: Some(ParentJob {
                    queue: parents,
                    id: job.id,
                }),
                ..JobOptions::default()
            };
            let added = children.add("child", &json!(1), &options).await;
            added.map_err(|error| JobError::transient(error.to_string()))?;
            Err(JobError::WaitForChildren)
        }
    });
    let parent = family.parents.work(parent).await;
    let id = family.parents.add(json!("parent")).await;
    eventually("the parent to wait", || async {
        family.waits().await.then_some(())
    })
    .await;
    let (child, _told) = fails_zero();
    let child = family.children.work(child).await;
    let job = family.parents.finished(&id).await;
    assert_eq!(job.return_value.as_deref(), Some(r#""after its child""#));
    assert_eq!((job.attempts_made, job.attempts_started), (1, 2));
    parent.stop(Duration::from_secs(5)).await;
    child.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn waiting_for_children_that_nobody_has_is_over_at_once() {
    let test = TestQueue::new().await;
    let calls = Counter::default();
    let counted = calls.clone();
    let (processor, _told) = telling(move |job: Claimed<Value>, _| {
        let call = counted.up();
        async move {
            if call == 1 {
                Err(JobError::WaitForChildren)
            } else {
                Ok(job.data)
            }
        }
    });
    let worker = test.work(processor).await;
    let id = test.add(json!(1)).await;
    test.finished(&id).await;
    assert_eq!(calls.get(), 2);
    worker.stop(Duration::from_secs(5)).await;
}
