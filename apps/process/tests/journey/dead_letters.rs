//! What becomes of jobs that fail for good, as an operator sees it.

use testkit::sql::Sql;

use super::*;
use crate::support::text;

/// The golden file of an event about nobody who is known, which the feed worker acts on.
fn followed() -> Value {
    let golden = include_str!("../../../../crates/domain/tests/golden/CuratorFollowed.v1.json");
    serde_json::from_str(golden).unwrap()
}

async fn letters(system: &System, state: &str) -> Vec<Value> {
    let list = ["dead-letter", "list", "--queue", "feeds", "--state", state];
    let answer = system.bellwether(&list).await;
    answer["letters"].as_array().unwrap().clone()
}

async fn until_letters(system: &System, state: &str, count: usize) -> Vec<Value> {
    eventually(state, || async {
        let letters = letters(system, state).await;
        (letters.len() == count).then_some(letters)
    })
    .await
}

#[tokio::test]
async fn a_dead_letter_is_listed_shown_edited_redriven_and_discarded() {
    let system = System::start(&shared_url().await).await;
    let _worker = system.worker("feed-worker").await;
    let feeds = queue(&system, "feeds").await;
    let mut torn = followed();
    torn["data"] = json!({"followerId": 7});
    let options = JobOptions::default();
    for _ in 0..2 {
        feeds.add("CuratorFollowed", &torn, &options).await.unwrap();
    }
    let dead = until_letters(&system, "dead", 2).await;
    let id = text(&dead[0]["id"]);
    let shown = system.bellwether(&["dead-letter", "show", &id]).await;
    assert_eq!(shown, dead[0]);
    assert_eq!(shown["class"], "undecodable");
    assert_eq!(shown["fingerprint"], dead[1]["fingerprint"]);
    let payload: Value = serde_json::from_str(shown["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload, torn);

    let fingerprint = text(&shown["fingerprint"]);
    let by_cause = ["--fingerprint", fingerprint.as_str()];
    let dry = [&["dead-letter", "redrive", "--dry-run"], &by_cause[..]].concat();
    let would = system.bellwether(&dry).await;
    assert_eq!(would["wouldSend"].as_array().unwrap().len(), 2);
    assert_eq!(letters(&system, "dead").await.len(), 2);

    let good = followed().to_string();
    let edit = ["dead-letter", "edit", &id, "--payload", &good];
    let edited = system.bellwether(&edit).await;
    assert_eq!(edited["originalPayload"], shown["payload"]);
    let redrive = ["dead-letter", "redrive", &id, "--rate", "1/s"];
    let sent = system.bellwether(&redrive).await;
    assert_eq!(sent["sent"], json!([id]));
    eventually("the job to complete", || async {
        (feeds.counts().await.ok()?.completed == 1).then_some(())
    })
    .await;

    let other = text(&dead[1]["id"]);
    system
        .bellwether(&["dead-letter", "discard", "--yes", &other])
        .await;
    assert_eq!(letters(&system, "dead").await, Vec::<Value>::new());
    assert_eq!(letters(&system, "discarded").await.len(), 1);
}

#[tokio::test]
async fn a_replay_mends_a_feed_and_its_shadow_tells_so_before() {
    let system = System::start(&shared_url().await).await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let card = system.save(&ada_token, "https://example.org/").await;
    for name in ["feeds", "analytics"] {
        until(&system, name, |counts| counts.prioritized == 2).await;
    }
    // No worker has acted yet.
    let replay = ["replay", "--handler", "feeds.update", "--aggregate", &card];
    let shadow = [&replay[..], &["--shadow"]].concat();
    let would = system.bellwether(&shadow).await;
    assert_eq!(
        would["changes"][0]["changes"][0]["effect"],
        "feed-entries-added"
    );
    assert_eq!(system.feed(&bob_token).await, Vec::<String>::new());

    let done = system.bellwether(&replay).await;
    assert_eq!((&done["first"], &done["again"]), (&json!(1), &json!(0)));
    assert_eq!(system.feed(&bob_token).await, std::slice::from_ref(&card));
    let _workers = system.all_workers().await;
    system.until_arrived(&bob_token, &card, 1).await;
}

#[tokio::test]
async fn an_embedded_process_keeps_letters_and_its_outbox_lets_their_events_go_again() {
    let nowhere = format!("redis://127.0.0.1:{}", free_port().unwrap());
    let system = System::start_with(&nowhere, &["--embedded"]).await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let sql = Sql::at(&system.database_url);
    let run = async |statement: &str| sql.execute(statement.to_owned()).await.unwrap();
    run("CREATE TRIGGER torn BEFORE INSERT ON feed_entries
         BEGIN SELECT RAISE(ABORT, 'the feeds are torn'); END")
    .await;
    let card = system.save(&ada_token, "https://example.org/").await;
    // It has been refused as often as it may, but for once.
    eventually("the card to be refused", || async {
        let last = "UPDATE outbox SET refusals = 4, due_at = 0 WHERE refusals = 1";
        let changed = sql.execute(last.to_owned()).await.ok()?;
        (changed == 1).then_some(())
    })
    .await;
    let dead = until_letters(&system, "dead", 1).await;
    assert_eq!(
        (&dead[0]["class"], &dead[0]["attempts"]),
        (&json!("exhausted"), &json!(5))
    );
    let reason = text(&dead[0]["reason"]);
    assert!(reason.contains("the feeds are torn"), "{reason}");

    run("DROP TRIGGER torn").await;
    let fingerprint = text(&dead[0]["fingerprint"]);
    let redrive = ["dead-letter", "redrive", "--fingerprint", &fingerprint];
    let report = system.bellwether(&redrive).await;
    assert_eq!(report["sent"].as_array().unwrap().len(), 1, "{report:#}");
    system.until_arrived(&bob_token, &card, 1).await;
    system.assert_once(&bob_token, &card, 1).await;
    until_letters(&system, "resolved", 1).await;
}
