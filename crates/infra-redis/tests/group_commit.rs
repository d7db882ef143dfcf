//! Adds that are made at the same time and share calls.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use infra_redis::engine::{EngineError, JobId, JobOptions, NewJob, ParentJob, Reply, ScriptError};
use serde_json::json;
use support::TestQueue;
use testkit::proxy::Proxy;
use testkit::valkey::PrivateValkey;
use tokio::task::JoinSet;

/// How often a command was called since the last reset.
async fn calls(test: &TestQueue, name: &str) -> u64 {
    let info = test
        .connection
        .command("INFO", vec!["commandstats".to_owned()])
        .await
        .unwrap();
    let Reply::Text(info) = info else {
        panic!("{info:?}")
    };
    let line = info
        .lines()
        .find(|line| line.starts_with(&format!("cmdstat_{name}:")));
    let calls = line.and_then(|line| line.split_once("calls=")?.1.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test]
async fn many_adds_take_few_calls_and_each_gets_its_own_id() {
    let server = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&server.url()).await;
    let mut adds = JoinSet::new();
    for n in 0..500 {
        let queue = test.queue.clone();
        adds.spawn(async move {
            let id = queue.add("job", &json!(n), &JobOptions::default()).await;
            (n, id.unwrap())
        });
    }
    let added = adds.join_all().await;
    let ids: HashSet<_> = added.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(ids.len(), 500);
    for (n, id) in &added[..20] {
        let job = test.queue.job(id).await.unwrap().unwrap();
        assert_eq!(job.data, n.to_string());
    }
    let calls = calls(&test, "evalsha").await;
    assert!(calls <= 50, "{calls} calls for 500 jobs");
    assert_eq!(test.queue.counts().await.unwrap().waiting, 500);
}

#[tokio::test]
async fn one_bad_job_fails_alone() {
    let test = TestQueue::new().await;
    test.on("SET", "odd", &["not a job"]).await;
    let orphan = JobOptions {
        parent: Some(ParentJob {
            queue: test.id.clone(),
            id: "nobody".to_owned(),
        }),
        ..JobOptions::default()
    };
    let odd = JobOptions {
        id: Some(JobId::parse("odd").unwrap()),
        ..JobOptions::default()
    };
    let mut adds = JoinSet::new();
    for n in 0..60 {
        let queue = test.queue.clone();
        let options = match n {
            20 => orphan.clone(),
            40 => odd.clone(),
            _ => JobOptions::default(),
        };
        adds.spawn(async move { (n, queue.add("job", &json!(n), &options).await) });
    }
    for (n, result) in adds.join_all().await {
        match (n, result) {
            (20, Err(EngineError::Script(ScriptError::ParentMissing { .. })))
            | (40, Err(EngineError::Script(ScriptError::Faulty { .. }))) => {}
            (_, Ok(_)) if n != 20 && n != 40 => {}
            (n, other) => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(test.queue.counts().await.unwrap().waiting, 58);
}

#[tokio::test]
async fn an_add_that_is_given_up_holds_up_no_other() {
    let server = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&server.url()).await;
    test.add(json!("warm")).await;
    let pause = ["PAUSE", "300", "ALL"].map(str::to_owned);
    test.connection
        .command("CLIENT", pause.into())
        .await
        .unwrap();
    let add = |n: u32| {
        let queue = test.queue.clone();
        async move { queue.add("job", &json!(n), &JobOptions::default()).await }
    };
    // The first is in flight and the others wait for it when it is given up.
    let mut given_up = JoinSet::new();
    let first = given_up.spawn(add(0));
    tokio::task::yield_now().await;
    let mut others = JoinSet::new();
    for n in 1..10 {
        others.spawn(add(n));
    }
    tokio::task::yield_now().await;
    first.abort();
    for added in others.join_all().await {
        added.unwrap();
    }
}

#[tokio::test]
async fn while_valkey_is_away_every_add_is_told() {
    let mut server = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&server.url()).await;
    test.add(json!("warm")).await;
    server.kill().await.unwrap();
    let mut adds = JoinSet::new();
    for n in 0..300 {
        let queue = test.queue.clone();
        adds.spawn(async move { queue.add("job", &json!(n), &JobOptions::default()).await });
    }
    for result in adds.join_all().await {
        assert!(
            matches!(result, Err(EngineError::Unavailable(_))),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn far_away_those_that_an_answer_lets_add_again_go_together() {
    let server = PrivateValkey::start().await.unwrap();
    let direct = TestQueue::at(&server.url()).await;
    let address = server.url();
    let proxy = Proxy::start(address.strip_prefix("redis://").unwrap());
    let proxy = proxy.await.unwrap();
    proxy.delay(Duration::from_millis(5));
    let far = TestQueue::at(&proxy.url()).await;
    // From its first answer on the queue's handle knows how far the server is.
    far.add(json!(0)).await;
    let before = calls(&direct, "evalsha").await;
    let mut adding = JoinSet::new();
    for _ in 0..50 {
        let queue = far.queue.clone();
        adding.spawn(async move {
            for n in 0..10 {
                let options = JobOptions::default();
                queue.add("job", &json!(n), &options).await.unwrap();
            }
        });
    }
    adding.join_all().await;
    let calls = calls(&direct, "evalsha").await - before;
    assert!(calls <= 50, "{calls} calls for 500 jobs");
}

#[tokio::test]
async fn an_add_is_small_since_a_service_may_have_thousands_under_way() {
    let test = TestQueue::new().await;
    let options = JobOptions::default();
    let data = json!(1);
    let add = test.queue.add("job", &data, &options);
    let size = size_of_val(&add);
    assert!(size <= 1200, "{size} bytes");
}

#[tokio::test]
async fn jobs_added_in_bulk_keep_their_order_and_those_ahead_of_a_bad_one_stay() {
    let test = TestQueue::new().await;
    let job = |n: usize| NewJob {
        name: "job",
        data: json!(n),
        options: JobOptions::default(),
    };
    let jobs: Vec<_> = (1..=450).map(job).collect();
    let ids = test.queue.add_bulk(&jobs).await.unwrap();
    let expected: Vec<_> = (1..=450).map(|n| n.to_string()).collect();
    assert_eq!(ids, expected);
    let waiting = test.on("LRANGE", "wait", &["0", "-1"]).await;
    let newest_first: Vec<_> = expected.iter().rev().cloned().map(Reply::Text).collect();
    assert_eq!(waiting, Reply::List(newest_first));

    let mut jobs: Vec<_> = (1..=150).map(job).collect();
    jobs[120].options.parent = Some(ParentJob {
        queue: test.id.clone(),
        id: "nobody".to_owned(),
    });
    let refused = test.queue.add_bulk(&jobs).await;
    assert!(
        matches!(
            refused,
            Err(EngineError::Script(ScriptError::ParentMissing { .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(test.queue.counts().await.unwrap().waiting, 450 + 149);

    let mut jobs: Vec<_> = (1..=450).map(job).collect();
    jobs[20].options.parent = Some(ParentJob {
        queue: test.id.clone(),
        id: "nobody".to_owned(),
    });
    test.queue.add_bulk(&jobs).await.unwrap_err();
    // The hundred behind the bad one's may have been under way already, and none behind that.
    let added = test.queue.counts().await.unwrap().waiting - (450 + 149);
    assert!([99, 199].contains(&added), "{added}");
}
