//! How processes start, refuse to, and end.

use super::*;

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
    let golden = include_str!("../../../../crates/domain/tests/golden/CuratorFollowed.v1.json");
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
            .contains("0 finished and 1 were handed back"),
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
    for name in ["web", "feed-worker"] {
        let output = refused(name, &["--valkey-url", "localhost:6379"]).await;
        assert!(
            output.contains("is not the URL of a Valkey server"),
            "{output}"
        );
        let secure = ["--valkey-url", &valkey, "--valkey-ca-file", "ca.pem"];
        let output = refused(name, &secure).await;
        assert!(
            output.contains("VALKEY_CA_FILE: the CA file ca.pem"),
            "{output}"
        );
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

#[tokio::test]
async fn whoever_valkey_does_not_let_in_ends_with_one_sentence_that_hides_the_password() {
    let valkey = shared_url().await;
    let system = System::start(&valkey).await;
    let database = database_url(system.dir.path());
    let stranger = valkey.replace("redis://", "redis://stranger:sesame@");
    let args = ["--valkey-url", &stranger, "--database-url", &database];
    let web = [&args[..], &["--http-addr", "127.0.0.1:0"]].concat();
    for output in [
        refused("web", &web).await,
        refused("feed-worker", &args).await,
    ] {
        assert!(
            output.contains("does not let this user in: WRONGPASS"),
            "{output}"
        );
        assert!(!output.contains("sesame"), "{output}");
    }
}

#[tokio::test]
async fn processes_that_start_while_valkey_is_away_say_so_and_work_when_it_is_there() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    valkey.kill().await.unwrap();
    let mut system = System::start(&valkey.url()).await;
    let (status, ready) = system.request(Method::GET, "/readyz", None, None).await;
    assert_eq!(
        (status, &ready["status"]),
        (StatusCode::OK, &json!("degraded"))
    );
    let mut workers = WORKERS.map(|name| system.begin_worker(name, &valkey.url(), &[]));
    for worker in &mut workers {
        let away = "Valkey is away: no Valkey answers at redis://127.0.0.1";
        worker.program.until_printed(away).await.unwrap();
        let ready = eventually("the worker to answer", || async {
            let url = format!("http://127.0.0.1:{}/readyz", worker.ops_port);
            let answer = reqwest::get(url).await.ok()?;
            Some((answer.status(), answer.text().await.ok()?))
        });
        let (status, ready) = ready.await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{ready}");
        assert!(
            ready.contains(r#""valkey":"Valkey is unavailable: "#),
            "{ready}"
        );
        let health = reqwest::get(format!("http://127.0.0.1:{}/healthz", worker.ops_port));
        assert_eq!(health.await.unwrap().status(), StatusCode::OK);
    }
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let card = system.save(&ada_token, "https://example.org/").await;

    // One that is told to stop while it waits does so at once.
    let [first, _, _] = &mut workers;
    first.program.signal("TERM").unwrap();
    let status = first.program.until_ended().await.unwrap();
    assert!(status.success(), "{}", first.program.output());
    *first = system.begin_worker(WORKERS[0], &valkey.url(), &[]);

    valkey.restart().await.unwrap();
    system.until_arrived(&bob_token, &card, 1).await;
    for worker in &mut workers {
        let ready = worker.program.until_ready(worker.ops_port, "/readyz");
        ready.await.unwrap();
    }
    system.web.until_printed("Valkey is there").await.unwrap();
}
