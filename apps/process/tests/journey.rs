//! The whole system as real processes: an event from the request to its last effect, and what
//! becomes of it when something breaks on the way.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Store;
use infra_redis::engine::{
    Connection, ConnectionSettings, Job, JobCounts, JobOptions, Queue, QueueId, Reply,
};
use infra_sql::SqliteStore;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{QUEUES, System, WORKERS, WorkerProgram, database_url};
use testkit::program::{Program, eventually, free_port};
use testkit::proxy::Proxy;
use testkit::valkey::{PrivateValkey, shared_url};

async fn queue(system: &System, name: &str) -> Queue<Value> {
    let settings = ConnectionSettings::parse(&system.valkey_url).unwrap();
    let connection = Connection::open(&settings).await.unwrap();
    Queue::new(connection, QueueId::parse(&system.prefix, name).unwrap())
}

#[tokio::test]
async fn a_saved_url_reaches_feed_notifications_and_analytics_and_node_can_read_the_jobs() {
    let system = System::start(&shared_url().await).await;
    let workers = system.all_workers().await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let card = system.save(&ada_token, "https://example.org/").await;
    system.until_arrived(&bob_token, &card, 1).await;
    eventually("the new follower to be told of", || async {
        let told = system.notifications(&ada_token).await;
        (told == [("new-follower".to_owned(), None)]).then_some(())
    })
    .await;
    eventually(
        "the events without a route of their own to be counted",
        || async { (system.counted("CuratorRegistered", &bob_token).await == 2).then_some(()) },
    )
    .await;

    if testkit::bullmq::is_installed() {
        for (name, expected) in [
            ("notifications", 2),
            ("feeds", 2),
            ("analytics", 2),
            ("events", 2),
        ] {
            let queue = queue(&system, name).await;
            eventually("the jobs to be settled", || async {
                (queue.counts().await.ok()?.completed == expected).then_some(())
            })
            .await;
            let read = testkit::bullmq::run("read", &system.valkey_url, &system.prefix, name, 0);
            let read = read.await.unwrap();
            assert_eq!(read["counts"]["completed"], expected, "{name}");
            for job in read["jobs"].as_array().unwrap() {
                assert_eq!(job["state"], "completed", "{job:#}");
                assert_eq!(job["name"], job["data"]["type"], "{job:#}");
                assert_eq!(job["id"], job["data"]["id"], "{job:#}");
                assert_eq!(job["returnvalue"], Value::Null, "{job:#}");
                assert_eq!(job["attemptsMade"], 1, "{job:#}");
            }
        }
    }
    drop(workers);
}

#[tokio::test]
async fn the_trace_of_a_request_goes_on_in_every_worker() {
    let system = System::start(&shared_url().await).await;
    let mut workers = system.all_workers().await;
    let (_, token) = system.curator("ada").await;
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let saved = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{}/v1/cards", system.api_port))
        .bearer_auth(token)
        .header("traceparent", format!("00-{trace_id}-00f067aa0ba902b7-01"))
        .json(&json!({"url": "https://example.org/"}))
        .send();
    assert_eq!(saved.await.unwrap().status(), StatusCode::CREATED);
    for worker in &mut workers {
        worker.program.until_printed(trace_id).await.unwrap();
    }
}

#[tokio::test]
async fn a_removed_card_and_an_unfollowed_curator_leave_the_feed() {
    let system = System::start(&shared_url().await).await;
    let _worker = system.worker("feed-worker").await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    let first = system.save(&ada_token, "https://example.org/1").await;
    let second = system.save(&ada_token, "https://example.org/2").await;
    // Following brings what was saved before.
    system.follow(&bob_token, &ada).await;
    let until_feed = async |expected: &[&str]| {
        eventually("the feed to change", || async {
            (system.feed(&bob_token).await == expected).then_some(())
        })
        .await;
    };
    until_feed(&[&second, &first]).await;
    let path = format!("/v1/cards/{second}");
    let (status, _) = system
        .request(Method::DELETE, &path, Some(&ada_token), None)
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    until_feed(&[&first]).await;
    let path = format!("/v1/follows/{ada}");
    system
        .request(Method::DELETE, &path, Some(&bob_token), None)
        .await;
    until_feed(&[]).await;
}

#[tokio::test]
async fn an_embedded_process_does_it_all_without_valkey() {
    // Nothing listens there: the process must not even look.
    let nowhere = format!("redis://127.0.0.1:{}", free_port().unwrap());
    let system = System::start_with(&nowhere, &["--embedded"]).await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let card = system.save(&ada_token, "https://example.org/").await;
    system.until_arrived(&bob_token, &card, 1).await;
}

#[tokio::test]
async fn a_url_saved_while_valkey_is_down_is_delivered_when_it_is_back() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let system = System::start(&valkey.url()).await;
    let _workers = system.all_workers().await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let before = system.save(&ada_token, "https://example.org/before").await;
    system.until_arrived(&bob_token, &before, 1).await;

    valkey.kill().await.unwrap();
    let started = Instant::now();
    let during = system.save(&ada_token, "https://example.org/during").await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "the request waited for Valkey"
    );
    assert_eq!(system.feed(&bob_token).await, [before.clone()]);
    let (status, ready) = system.request(Method::GET, "/readyz", None, None).await;
    assert_eq!(status, StatusCode::OK, "requests can be served: {ready:#}");
    assert_eq!(ready["status"], "degraded", "{ready:#}");

    valkey.restart().await.unwrap();
    system.until_arrived(&bob_token, &during, 2).await;
    system.assert_once(&bob_token, &before, 2).await;
}

/// Holds the database's write lock, so that a worker that begins a transaction waits.
async fn hold_the_database(system: &System) -> Box<dyn domain::UnitOfWork> {
    let url = database_url(system.dir.path()).parse().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&url).await.unwrap());
    store.begin().await.unwrap()
}

/// A saved URL whose jobs are at work in all three workers, which wait for the database that the
/// test holds.
struct AtWork {
    card: String,
    reader: String,
    workers: Vec<WorkerProgram>,
    held: Box<dyn domain::UnitOfWork>,
}

/// Brings a saved URL to the middle of its work, with workers that reach Valkey at `url`.
async fn in_the_middle(system: &System, url: &str) -> AtWork {
    let (ada, ada_token) = system.curator("ada").await;
    let (_, reader) = system.curator("bob").await;
    system.follow(&reader, &ada).await;
    let mut workers = Vec::new();
    for name in WORKERS {
        workers.push(system.worker_at(name, url, &[]).await);
    }
    for name in QUEUES {
        let queue = queue(system, name).await;
        eventually("the follow to be handled", || async {
            (queue.counts().await.ok()?.completed == 1).then_some(())
        })
        .await;
        queue.pause().await.unwrap();
    }
    let card = system.save(&ada_token, "https://example.org/").await;
    for name in QUEUES {
        until(system, name, |counts| counts.prioritized == 1).await;
    }
    let held = hold_the_database(system).await;
    for name in QUEUES {
        queue(system, name).await.resume().await.unwrap();
        until(system, name, |counts| counts.active == 1).await;
    }
    AtWork {
        card,
        reader,
        workers,
        held,
    }
}

async fn until(system: &System, name: &str, is_so: impl Fn(JobCounts) -> bool) {
    let queue = queue(system, name).await;
    eventually(name, || async {
        is_so(queue.counts().await.ok()?).then_some(())
    })
    .await;
}

/// The completed job of a queue whose data names this card.
async fn job_about(system: &System, name: &str, card: &str) -> Job {
    let settings = ConnectionSettings::parse(&system.valkey_url).unwrap();
    let connection = Connection::open(&settings).await.unwrap();
    let key = format!("{}:{name}:completed", system.prefix);
    let ids = connection
        .command("ZRANGE", vec![key, "0".into(), "-1".into()])
        .await
        .unwrap();
    let Reply::List(ids) = ids else {
        panic!("not a list: {ids:?}")
    };
    let queue = queue(system, name).await;
    for id in ids {
        let Reply::Text(id) = id else {
            panic!("not an id: {id:?}")
        };
        let job = queue.job(&id).await.unwrap().unwrap();
        if job.data.contains(card) {
            return job;
        }
    }
    panic!("no completed job of `{name}` is about {card}")
}

/// Starts other workers; waits until they have taken the jobs over, and asserts that each job
/// started twice, took effect once, and is done.
async fn taken_over(system: &System, card: &str, reader: &str) {
    let _others = system.all_workers().await;
    system.until_arrived(reader, card, 1).await;
    for name in QUEUES {
        until(system, name, |counts| {
            counts.completed == 2 && counts.active == 0
        })
        .await;
        let job = job_about(system, name, card).await;
        assert_eq!(
            (job.attempts_started, job.stalls, job.attempts_made),
            (2, 1, 1),
            "{name}"
        );
    }
    system.assert_once(reader, card, 1).await;
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_a_job_leaves_it_to_another() {
    let url = shared_url().await;
    let system = System::start(&url).await;
    let mut at_work = in_the_middle(&system, &url).await;
    for worker in &mut at_work.workers {
        worker.program.kill().unwrap();
    }
    drop(at_work.held);
    assert!(
        system.feed(&at_work.reader).await.is_empty(),
        "nothing was committed"
    );
    taken_over(&system, &at_work.card, &at_work.reader).await;
}

#[tokio::test]
async fn a_worker_killed_between_its_effect_and_its_answer_does_nothing_twice() {
    let url = shared_url().await;
    let system = System::start(&url).await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap())
        .await
        .unwrap();
    let mut at_work = in_the_middle(&system, &proxy.url()).await;
    // The network swallows every answer from now on; the database does not.
    proxy.freeze();
    drop(at_work.held);
    system
        .until_arrived(&at_work.reader, &at_work.card, 1)
        .await;
    for worker in &mut at_work.workers {
        worker.program.kill().unwrap();
    }
    for name in QUEUES {
        let counts = queue(&system, name).await.counts().await.unwrap();
        assert_eq!(counts.active, 1, "{name}: Valkey knows of no answer");
    }
    taken_over(&system, &at_work.card, &at_work.reader).await;
}

#[tokio::test]
async fn an_event_that_can_not_be_understood_fails_once_with_a_reason_and_stops_nobody() {
    let system = System::start(&shared_url().await).await;
    let _worker = system.worker("feed-worker").await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;

    let golden = include_str!("../../../crates/domain/tests/golden/CardAddedToLibrary.v1.json");
    let golden: Value = serde_json::from_str(golden).unwrap();
    let mut unknown = golden.clone();
    unknown["type"] = json!("CardTeleported");
    let mut incomplete = golden.clone();
    incomplete["data"] = json!({"cardId": golden["subject"]});
    let feeds = queue(&system, "feeds").await;
    let options = JobOptions {
        attempts: 3,
        ..JobOptions::default()
    };
    let broken = [
        (json!("not an envelope"), "malformed event envelope"),
        (unknown, "unknown event type `CardTeleported`"),
        (incomplete, "malformed event envelope at `data."),
    ];
    for (data, expected) in broken {
        let id = feeds
            .add("CardAddedToLibrary", &data, &options)
            .await
            .unwrap();
        let job = eventually("the job to fail", || async {
            let job = feeds.job(&id).await.ok()??;
            job.finished_on.is_some().then_some(job)
        })
        .await;
        let reason = job.failed_reason.unwrap();
        assert!(reason.contains(expected), "{reason}");
        assert_eq!((job.attempts_made, job.attempts_started), (1, 1));
    }

    let mut newer = golden;
    newer["dataversion"] = json!(99);
    let id = feeds
        .add("CardAddedToLibrary", &newer, &options)
        .await
        .unwrap();
    eventually("the event of a newer release to be put off", || async {
        (feeds.counts().await.ok()?.delayed == 1).then_some(())
    })
    .await;
    assert_eq!(feeds.job(&id).await.unwrap().unwrap().attempts_made, 0);

    let card = system.save(&ada_token, "https://example.org/").await;
    eventually("the worker to go on", || async {
        (system.feed(&bob_token).await == [card.clone()]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn bad_input_gets_a_problem_that_names_the_field_and_stores_nothing() {
    let system = System::start(&shared_url().await).await;
    let (_, token) = system.curator("ada").await;
    let cases = [
        (
            "/v1/cards",
            json!({"url": "ftp://example.org/"}),
            400,
            Some("/url"),
        ),
        (
            "/v1/cards",
            json!({"url": "https://ada:pw@example.org/"}),
            400,
            Some("/url"),
        ),
        (
            "/v1/cards",
            json!({"url": "https://example.org/\u{7}"}),
            400,
            Some("/url"),
        ),
        (
            "/v1/cards",
            json!({"url": format!("https://e.org/{}", "a".repeat(2048))}),
            400,
            Some("/url"),
        ),
        ("/v1/cards", json!({"url": 7}), 400, Some("/url")),
        (
            "/v1/cards",
            json!({"link": "https://example.org/"}),
            400,
            Some("/link"),
        ),
        (
            "/v1/curators",
            json!({"handle": "ada", "password": "correct horse"}),
            409,
            Some("/handle"),
        ),
        (
            "/v1/curators",
            json!({"handle": "a!", "password": "correct horse"}),
            400,
            Some("/handle"),
        ),
        (
            "/v1/tokens",
            json!({"handle": "ada", "password": "wrong horse here"}),
            401,
            None,
        ),
    ];
    for (path, body, expected, pointer) in cases {
        let answer = system
            .request(Method::POST, path, Some(&token), Some(body.clone()))
            .await;
        let (status, problem) = answer;
        assert_eq!(status.as_u16(), expected, "{body} {problem:#}");
        assert_eq!(problem["status"], expected, "{problem:#}");
        if let Some(pointer) = pointer {
            assert_eq!(
                problem["errors"][0]["pointer"], pointer,
                "{body} {problem:#}"
            );
        }
    }
    let unknown_id = "/v1/cards/0199f3a2-7c01-7abc-8def-0123456789ab";
    let gets = [
        ("/v1/cards", None, 401),
        ("/v1/cards", Some("bw_wrong"), 401),
        (unknown_id, Some(token.as_str()), 404),
        ("/v1/cards/7", Some(token.as_str()), 400),
        ("/v1/nothing", Some(token.as_str()), 404),
    ];
    for (path, token, expected) in gets {
        let (status, problem) = system.request(Method::GET, path, token, None).await;
        assert_eq!(status.as_u16(), expected, "{path} {problem:#}");
        assert!(problem["code"].is_string(), "{path} {problem:#}");
    }
    let library = system.get("/v1/cards", &token).await;
    assert_eq!(library["items"], json!([]));
}

#[tokio::test]
async fn every_process_tells_its_health_and_drains_on_sigterm_and_sigint() {
    let mut system = System::start(&shared_url().await).await;
    let workers = system.all_workers().await;
    let client = reqwest::Client::new();
    for (worker, signal) in workers.into_iter().zip(["TERM", "INT", "TERM"]) {
        let ops = format!("http://127.0.0.1:{}", worker.ops_port);
        for (path, expected) in [
            ("/healthz", "ok"),
            ("/readyz", r#""status":"ready""#),
            ("/metrics", "bellwether_queue_depth"),
        ] {
            let answer = client.get(format!("{ops}{path}")).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let body = answer.text().await.unwrap();
            assert!(body.contains(expected), "{path}: {body}");
        }
        let mut program = worker.program;
        let started = Instant::now();
        program.signal(signal).unwrap();
        let status = program.until_ended().await.unwrap();
        assert!(status.success(), "{status}\n{}", program.output());
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "an idle worker ends at once"
        );
        assert!(
            program.output().contains("Stopped working"),
            "{}",
            program.output()
        );
    }
    system.web.signal("TERM").unwrap();
    let status = system.web.until_ended().await.unwrap();
    assert!(status.success(), "{status}\n{}", system.web.output());
}

#[tokio::test]
async fn a_worker_that_is_stopped_hands_its_job_to_another_at_once() {
    let system = System::start(&shared_url().await).await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let mut first = system
        .worker_at(
            "feed-worker",
            &system.valkey_url,
            &["--shutdown-timeout", "200ms"],
        )
        .await;
    let feeds = queue(&system, "feeds").await;
    eventually("the follow to be handled", || async {
        (feeds.counts().await.ok()?.completed == 1).then_some(())
    })
    .await;

    // A job of the test's own, which waits for the database that the test holds.
    let card = system.save(&ada_token, "https://example.org/").await;
    eventually("the card to be handled", || async {
        (feeds.counts().await.ok()?.completed == 2).then_some(())
    })
    .await;
    let held = hold_the_database(&system).await;
    let golden = include_str!("../../../crates/domain/tests/golden/CuratorFollowed.v1.json");
    let golden: Value = serde_json::from_str(golden).unwrap();
    feeds
        .add("CuratorFollowed", &golden, &JobOptions::default())
        .await
        .unwrap();
    eventually("the job to start", || async {
        (feeds.counts().await.ok()?.active == 1).then_some(())
    })
    .await;
    first.program.signal("TERM").unwrap();
    let status = first.program.until_ended().await.unwrap();
    assert!(status.success(), "{}", first.program.output());
    assert!(
        first
            .program
            .output()
            .contains("0 jobs finished, 1 handed back"),
        "{}",
        first.program.output()
    );
    let counts = feeds.counts().await.unwrap();
    assert_eq!((counts.active, counts.waiting), (0, 1));
    drop(held);
    let _second = system.worker("feed-worker").await;
    eventually("the other worker to take it", || async {
        (feeds.counts().await.ok()?.completed == 3).then_some(())
    })
    .await;
    assert_eq!(system.feed(&bob_token).await, [card]);
}

/// Starts a program that can't run, and gives back what it printed.
async fn refused(name: &str, args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let database = database_url(dir.path());
    let mut all = vec!["--ops-addr", "127.0.0.1:0"];
    if !args.contains(&"--database-url") {
        all.extend(["--database-url", &database]);
    }
    all.extend(args);
    let mut program = Program::start(name, dir.path(), &all).unwrap();
    let status = program.until_ended().await.unwrap();
    let output = program.output();
    assert!(!status.success(), "{name} {args:?} started: {output}");
    assert_eq!(output.lines().count(), 1, "one sentence: {output}");
    output
}

#[tokio::test]
async fn what_can_not_start_says_why_in_one_sentence() {
    let valkey = shared_url().await;
    let nobody = free_port().unwrap();
    let nobody = format!("redis://127.0.0.1:{nobody}");
    for name in ["web", "feed-worker"] {
        let output = refused(name, &["--valkey-url", "localhost:6379"]).await;
        if name == "web" {
            assert!(
                output.contains("is not the URL of a Valkey server"),
                "{output}"
            );
        }
        let output = refused(
            name,
            &["--valkey-url", &valkey, "--database-url", "mysql://x"],
        )
        .await;
        assert!(output.contains("sqlite://"), "{output}");
        let missing = "sqlite:///nowhere/at/all/bellwether.db";
        let output = refused(name, &["--valkey-url", &valkey, "--database-url", missing]).await;
        assert!(output.contains("/nowhere/at/all"), "{output}");
    }
    let output = refused(
        "web",
        &["--http-addr", "127.0.0.1:0", "--valkey-url", &nobody],
    )
    .await;
    assert!(
        output.contains("no Valkey answers at redis://127.0.0.1"),
        "{output}"
    );
    let output = refused("feed-worker", &["--valkey-url", &valkey]).await;
    assert!(output.contains("schema is at version 0"), "{output}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let output = refused("web", &["--http-addr", &taken, "--valkey-url", &valkey]).await;
    assert!(
        output.contains("already in use") || output.contains(&taken),
        "{output}"
    );
}
