//! The same system on Postgres, and a Postgres that goes away.

use testkit::postgres::{PrivatePostgres, TestDatabase};

use super::arriving::a_saved_url_reaches_everybody;
use super::*;

#[tokio::test]
async fn on_postgres_too_a_saved_url_reaches_feed_notifications_and_analytics() {
    let database = TestDatabase::create().await;
    let system = System::start_on(&database.url(), &shared_url().await, &[]).await;
    a_saved_url_reaches_everybody(&system).await;
}

/// Saves a URL at one of several web processes; the card's id if it was accepted.
async fn try_to_save(system: &System, port: u16, token: &str, url: &str) -> Option<String> {
    let body = Some(json!({"url": url}));
    let (status, answer) = system
        .request_at(port, Method::POST, "/v1/cards", Some(token), body)
        .await;
    match status {
        StatusCode::CREATED => Some(text(&answer["id"])),
        StatusCode::SERVICE_UNAVAILABLE => None,
        status => panic!("{status}: {answer:#}"),
    }
}

/// How many cards are in a curator's library. One whose answer was lost may be there.
async fn library(system: &System, token: &str) -> Vec<String> {
    let cards = system.get("/v1/cards?limit=100", token).await;
    let items = cards["items"].as_array().unwrap();
    items.iter().map(|card| text(&card["id"])).collect()
}

/// Waits until everything that is in the library is in the reader's feed, was told of and counted,
/// and asserts that each is there exactly once.
async fn until_all_arrived(system: &System, author: &str, reader: &str, accepted: &[String]) {
    let mut saved = library(system, author).await;
    saved.sort();
    for card in accepted {
        assert!(saved.contains(card), "{card} was accepted, and is gone");
    }
    let expected = saved.len() as u64;
    eventually("every card to arrive", || async {
        let feed = system.feed(reader).await.len() as u64;
        let counted = system.counted("CardAddedToLibrary", reader).await;
        let told = system.told(reader).await.len() as u64;
        (feed.min(counted).min(told) >= expected).then_some(())
    })
    .await;
    let mut feed = system.feed(reader).await;
    feed.sort();
    assert_eq!(feed, saved, "in the feed, and in the library");
    let mut told: Vec<_> = system
        .told(reader)
        .await
        .into_iter()
        .filter_map(|(_, card)| card)
        .collect();
    told.sort();
    assert_eq!(told, saved, "told of, and in the library");
    assert_eq!(system.counted("CardAddedToLibrary", reader).await, expected);
    for name in QUEUES {
        until(system, name, |counts| {
            counts.active + counts.waiting + counts.prioritized + counts.delayed == 0
        })
        .await;
        let counts = queue(system, name).await.counts().await.unwrap();
        assert_eq!(counts.failed, 0, "{name}");
    }
    // What came again after all had arrived took no effect.
    assert_eq!(system.counted("CardAddedToLibrary", reader).await, expected);
}

#[tokio::test]
async fn a_postgres_that_is_killed_and_started_again_in_the_middle_loses_nothing() {
    let mut postgres = PrivatePostgres::start().await.unwrap();
    let system = System::start_on(&postgres.url(), &shared_url().await, &[]).await;
    let _workers = system.all_workers().await;
    let (ada, author) = system.curator("ada").await;
    let (_, reader) = system.curator("bob").await;
    system.follow(&reader, &ada).await;

    let mut accepted = Vec::new();
    for round in 0..3 {
        // Jobs are waiting, at work and half done when the server goes.
        for card in 0..10 {
            let url = format!("https://example.org/{round}/{card}");
            let saved = try_to_save(&system, system.api_port, &author, &url).await;
            accepted.push(saved.expect("the database is there"));
        }
        postgres.kill().await.unwrap();
        let url = format!("https://example.org/{round}/away");
        let saved = try_to_save(&system, system.api_port, &author, &url).await;
        assert_eq!(saved, None, "nothing could be stored");
        postgres.restart().await.unwrap();
        eventually("the web process to store again", || async {
            let url = format!("https://example.org/{round}/back");
            try_to_save(&system, system.api_port, &author, &url).await
        })
        .await;
    }
    until_all_arrived(&system, &author, &reader, &accepted).await;
}

#[tokio::test]
async fn an_outage_of_postgres_costs_a_job_no_attempt() {
    let mut postgres = PrivatePostgres::start().await.unwrap();
    // The first attempt is the last.
    let once = [
        "--queue-option",
        "notifications.attempts=1,feeds.attempts=1,analytics.attempts=1",
    ];
    let system = System::start_on(&postgres.url(), &shared_url().await, &once).await;
    let mut workers = system.all_workers().await;
    let (ada, author) = system.curator("ada").await;
    let (_, reader) = system.curator("bob").await;
    system.follow(&reader, &ada).await;
    for name in QUEUES {
        until(&system, name, |counts| counts.completed == 1).await;
        queue(&system, name).await.pause().await.unwrap();
    }
    let card = system.save(&author, "https://example.org/").await;
    for name in QUEUES {
        until(&system, name, |counts| counts.prioritized == 1).await;
    }
    postgres.kill().await.unwrap();
    for name in QUEUES {
        queue(&system, name).await.resume().await.unwrap();
    }
    for worker in &mut workers {
        eventually("the worker to find no database, twice", || async {
            let output = worker.program.output();
            (output.matches("storage, which is away").count() >= 2).then_some(())
        })
        .await;
    }
    postgres.restart().await.unwrap();
    system.until_arrived(&reader, &card, 1).await;
}

#[tokio::test]
async fn two_web_processes_on_one_postgres_deliver_what_either_stores() {
    let database = TestDatabase::create().await;
    let system = System::start_on(&database.url(), &shared_url().await, &[]).await;
    let (_other, other_port) = system.another_web().await;
    let _workers = system.all_workers().await;
    let (ada, author) = system.curator("ada").await;
    let (_, reader) = system.curator("bob").await;
    system.follow(&reader, &ada).await;
    let mut accepted = Vec::new();
    for card in 0..15 {
        for port in [system.api_port, other_port] {
            let url = format!("https://example.org/{port}/{card}");
            let saved = try_to_save(&system, port, &author, &url).await;
            accepted.push(saved.unwrap());
        }
    }
    until_all_arrived(&system, &author, &reader, &accepted).await;
}
