//! An event from the request to its last effect.

use super::*;

#[tokio::test]
async fn a_saved_url_reaches_feed_notifications_and_analytics_and_node_can_read_the_jobs() {
    a_saved_url_reaches_everybody(&System::start(&shared_url().await).await).await;
}

/// The flow that the README shows, on whatever the system is made of.
pub(crate) async fn a_saved_url_reaches_everybody(system: &System) {
    let workers = system.all_workers().await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let card = system.save(&ada_token, "https://example.org/").await;
    system.until_arrived(&bob_token, &card, 1).await;
    eventually("the new follower to be told of", || async {
        let told = system.told(&ada_token).await;
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
            let queue = queue(system, name).await;
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
async fn a_removed_card_and_an_unfollowed_curator_leave_the_feed_and_nobody_is_told() {
    let system = System::start(&shared_url().await).await;
    let _worker = system.worker("feed-worker").await;
    let _notifier = system.worker("notification-worker").await;
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
    let until_told = async |expected: usize| {
        eventually("the new follower to be told of, or no more", || async {
            (system.notifications(&ada_token).await.len() == expected).then_some(())
        })
        .await;
    };
    until_told(1).await;
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
    until_told(0).await;
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
    assert_eq!(system.feed(&bob_token).await, std::slice::from_ref(&before));
    let (status, ready) = system.request(Method::GET, "/readyz", None, None).await;
    assert_eq!(status, StatusCode::OK, "requests can be served: {ready:#}");
    assert_eq!(ready["status"], "degraded", "{ready:#}");

    valkey.restart().await.unwrap();
    system.until_arrived(&bob_token, &during, 2).await;
    system.assert_once(&bob_token, &before, 2).await;
}
