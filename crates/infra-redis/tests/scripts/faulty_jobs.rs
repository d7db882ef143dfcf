//! What is wrong with one job of a call leaves the others alone.

use super::settle_and_fetch::settlement;
use super::*;
use crate::engine::options::{JobId, JobOptions};
use crate::engine::producer::{self, EncodedJob, Placement};

#[tokio::test]
async fn a_job_that_can_not_be_added_keeps_no_other_from_it() {
    let fixture = Fixture::new().await;
    let job = |id: &str| {
        let options = JobOptions {
            id: Some(JobId::parse(id).unwrap()),
            ..JobOptions::default()
        };
        let keys = &fixture.keys;
        EncodedJob::new(keys, "greet", &(), &options, Placement::default()).unwrap()
    };
    fixture.at("SET", "odd", &["not a job"]).await;
    let jobs = [job("first"), job("odd"), job("last")];
    let results = producer::add(&fixture.connection, &jobs).await.unwrap();
    let error = results[1].as_ref().unwrap_err().to_string();
    assert!(error.starts_with("Job odd is faulty: WRONGTYPE"), "{error}");
    assert!(error.ends_with("addJob"), "{error}");
    let waiting = fixture.on("LRANGE", Suffix::Wait, &["0", "-1"]).await;
    let expected = ["last", "first"].map(|id| Reply::Text(id.to_owned()));
    assert_eq!(waiting, Reply::List(expected.into()));
}

#[tokio::test]
async fn a_job_that_can_not_be_settled_keeps_no_other_from_it() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 3]).await;
    fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    fixture.at("DEL", "2", &[]).await;
    fixture.at("SET", "2", &["not a job"]).await;
    let settled = [
        settlement("completed", "1", "a"),
        settlement("retry", "2", "b"),
        settlement("failed", "3", "c"),
    ];
    let round = Round {
        now: &NOW.to_string(),
        settled: &settled,
        ..Round::default()
    };
    let reply = fixture.round(round).await;
    let Reply::List(codes) = reply else { panic!() };
    assert_eq!((&codes[0], &codes[2]), (&Reply::Int(0), &Reply::Int(0)));
    assert!(text(&codes[1]).starts_with("WRONGTYPE"), "{codes:?}");
    let completed = fixture.on("ZCARD", Suffix::Completed, &[]).await;
    let failed = fixture.on("ZCARD", Suffix::Failed, &[]).await;
    assert_eq!((completed, failed), (Reply::Int(1), Reply::Int(1)));
}

#[tokio::test]
async fn what_is_wrong_with_a_job_that_is_settled_alone_is_told_of_it() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 2]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    fixture.at("DEL", "1", &[]).await;
    fixture.at("SET", "1", &["not a job"]).await;
    let round = Round {
        now: &NOW.to_string(),
        settled: &[settlement("completed", "1", "a")],
        tokens: &["b"],
        ..Round::default()
    };
    let reply = fixture.round(round).await;
    let Reply::List(parts) = reply else { panic!() };
    let (job, rest) = parts.split_at(FIELDS);
    assert_eq!(text(&job[ID]), "2");
    assert!(text(&rest[0]).starts_with("WRONGTYPE"), "{rest:?}");
}
