//! What can not be understood, as a request and as an event.

use super::*;

#[tokio::test]
async fn an_event_that_can_not_be_understood_fails_once_with_a_reason_and_stops_nobody() {
    let system = System::start(&shared_url().await).await;
    let _worker = system.worker("feed-worker").await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;

    let golden = include_str!("../../../../crates/domain/tests/golden/CardAddedToLibrary.v1.json");
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
