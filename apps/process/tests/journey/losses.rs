//! Cases in which events were lost or doubled elsewhere, a test of its name for each.

use testkit::postgres::TestDatabase;
use testkit::sql::Sql;
use testkit::valkey::Persistence;

use super::*;

#[tokio::test]
async fn crash_between_save_and_publish() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let mut system = System::start(&valkey.url()).await;
    let workers = system.all_workers().await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let before = system.save(&ada_token, "https://example.org/before").await;
    system.until_arrived(&bob_token, &before, 1).await;

    // It is saved, and can't have been published when the process dies.
    valkey.kill().await.unwrap();
    let card = system.save(&ada_token, "https://example.org/").await;
    system.web.kill().unwrap();
    valkey.restart().await.unwrap();
    system.start_web_again().await;
    system.until_arrived(&bob_token, &card, 2).await;
    system.assert_once(&bob_token, &before, 2).await;
    drop(workers);
}

#[tokio::test]
async fn lock_wait_exhausted() {
    let system = System::start(&shared_url().await).await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let workers = system.all_workers().await;
    let card = system.save(&ada_token, "https://example.org/1").await;
    system.until_arrived(&bob_token, &card, 1).await;

    // Somebody else holds the database for longer than any handler waits for it.
    let feeds = queue(&system, "feeds").await;
    feeds.pause().await.unwrap();
    let second = system.save(&ada_token, "https://example.org/2").await;
    until(&system, "feeds", |counts| counts.prioritized == 1).await;
    let held = hold_the_database(&system).await;
    feeds.resume().await.unwrap();
    until(&system, "feeds", |counts| counts.active == 1).await;
    until(&system, "feeds", |counts| counts.delayed == 1).await;
    drop(held);
    system.until_arrived(&bob_token, &second, 2).await;
    drop(workers);
}

/// Bob, who follows Ada and Cyd, and everybody's token.
struct Followed {
    ada: String,
    cyd: String,
    bob: String,
}

async fn followed(system: &System) -> Followed {
    let (ada, ada_token) = system.curator("ada").await;
    let (cyd, cyd_token) = system.curator("cyd").await;
    let (_, bob) = system.curator("bob").await;
    system.follow(&bob, &ada).await;
    system.follow(&bob, &cyd).await;
    Followed {
        ada: ada_token,
        cyd: cyd_token,
        bob,
    }
}

/// Waits until Bob was told of these cards, each once, in one notification that is not read.
async fn until_told_in_one(system: &System, bob: &str, cards: &[String]) -> Value {
    let mut expected = cards.to_vec();
    expected.sort();
    eventually("all of the burst to be told", || async {
        let told = system.told(bob).await.into_iter();
        let mut told: Vec<_> = told.filter_map(|(_, card)| card).collect();
        told.sort();
        (told == expected).then_some(())
    })
    .await;
    let unread = system.get("/v1/notifications/unread", bob).await;
    assert_eq!(unread["unread"], 1);
    let [one] = system.notifications(bob).await.try_into().unwrap();
    assert_eq!(one["kind"], "followee-saved");
    assert_eq!(one["count"], cards.len());
    one
}

#[tokio::test]
async fn restart_within_a_grouping_window() {
    let system = System::start(&shared_url().await).await;
    let followed = followed(&system).await;
    let mut worker = system.worker("notification-worker").await;
    let notifications = queue(&system, "notifications").await;
    let mut burst = Vec::new();
    for (number, token) in [&followed.ada, &followed.cyd].into_iter().enumerate() {
        let url = format!("https://example.org/before/{number}");
        burst.push(system.save(token, &url).await);
    }
    let begun = until_told_in_one(&system, &followed.bob, &burst).await;

    // The worker dies with jobs of the burst in its hands, and others waiting.
    notifications.pause().await.unwrap();
    for number in 0..6 {
        let url = format!("https://example.org/during/{number}");
        burst.push(system.save(&followed.ada, &url).await);
    }
    until(&system, "notifications", |counts| counts.prioritized == 6).await;
    let held = hold_the_database(&system).await;
    notifications.resume().await.unwrap();
    until(&system, "notifications", |counts| counts.active > 0).await;
    worker.program.kill().unwrap();
    drop(held);
    let url = "https://example.org/while-nobody-works";
    burst.push(system.save(&followed.cyd, url).await);
    let _worker = system.worker("notification-worker").await;
    let url = "https://example.org/after";
    burst.push(system.save(&followed.ada, url).await);

    // Nothing is lost, nothing is doubled, and it is still one.
    let settled = burst.len() + 2;
    until(&system, "notifications", |counts| {
        counts.completed == settled as u64
    })
    .await;
    let one = until_told_in_one(&system, &followed.bob, &burst).await;
    assert_eq!((&one["id"], &one["since"]), (&begun["id"], &begun["since"]));
    assert_eq!(one["others"], 1, "Ada, and Cyd");
}

#[tokio::test]
async fn a_policy_fails_inside_a_group() {
    let system = System::start(&shared_url().await).await;
    let followed = followed(&system).await;
    let _worker = system.worker("notification-worker").await;
    // Somebody saved one of the pages before, so that who they are is a fact of its event, and who
    // they are can't be read.
    let sql = testkit::sql::Sql::at(&system.database_url);
    let torn = "https://example.org/torn";
    let tear = format!(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO cards (id, curator_id, url, canonical_url, saved_at)
         VALUES (randomblob(16), x'00', '{torn}', '{torn}', 0)"
    );
    sql.execute(tear).await.unwrap();

    let first = system.save(&followed.ada, "https://example.org/1").await;
    let failing = system.save(&followed.cyd, torn).await;
    let last = system.save(&followed.ada, "https://example.org/2").await;
    // The others are told at once.
    until_told_in_one(&system, &followed.bob, &[first.clone(), last.clone()]).await;
    let letters = async || {
        let list = ["dead-letter", "list", "--state", "dead"];
        let answer = system.bellwether(&list).await;
        answer["letters"].as_array().unwrap().clone()
    };
    let dead = eventually("the failure to be kept", || async {
        letters().await.into_iter().next()
    })
    .await;
    assert_eq!(dead["handler"], "notifications.in-app");
    assert_eq!(dead["class"], "permanent", "{dead:#}");

    // It alone is handled again once the fact can be read.
    let mend = "DELETE FROM cards WHERE curator_id = x'00'";
    assert_eq!(sql.execute(mend.to_owned()).await.unwrap(), 1);
    let redrive = ["dead-letter", "redrive", &text(&dead["id"])];
    let sent = system.bellwether(&redrive).await;
    assert_eq!(sent["sent"], json!([dead["id"]]));
    let one = until_told_in_one(&system, &followed.bob, &[first, failing, last]).await;
    assert_eq!(one["others"], 1, "Ada, and Cyd");
    assert_eq!(letters().await, Vec::<Value>::new());
}

/// Saves cards that wait in a Valkey which then loses everything, and waits for their effects with
/// nobody doing anything.
async fn recovers_what_valkey_loses(database: &str) {
    let mut valkey = PrivateValkey::start_keeping(Persistence::Never)
        .await
        .unwrap();
    let mut system = System::start_on(database, &valkey.url(), &[]).await;
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let workers = system.all_workers().await;
    let handled = system.save(&ada_token, "https://example.org/handled").await;
    system.until_arrived(&bob_token, &handled, 1).await;
    // Two have registered, which is counted; one follows the other, and one has saved a card.
    let sql = Sql::at(&system.database_url);
    eventually("every event to be handled", || async {
        let acted = sql.number("SELECT COUNT(*) FROM inbox").await.ok()?;
        (acted == 8).then_some(())
    })
    .await;
    drop(workers);

    let mut cards = Vec::new();
    for number in 0..3 {
        let url = format!("https://example.org/{number}");
        cards.push(system.save(&ada_token, &url).await);
    }
    until_published(&system).await;
    valkey.kill().await.unwrap();
    // A web process that starts on the new data learns from the database that it is new.
    system.web.kill().unwrap();
    valkey.restart().await.unwrap();
    system.start_web_again().await;
    let again = "of 7 events that were published before, 3 were not handled yet";
    system.web.until_printed(again).await.unwrap();
    let workers = system.all_workers().await;
    for card in &cards {
        system.until_arrived(&bob_token, card, 4).await;
    }

    // Once more, under the eyes of a process that runs.
    drop(workers);
    let card = system.save(&ada_token, "https://example.org/last").await;
    until_published(&system).await;
    valkey.kill().await.unwrap();
    valkey.restart().await.unwrap();
    let again = "of 4 events that were published before, 1 were not handled yet";
    system.web.until_printed(again).await.unwrap();
    let workers = system.all_workers().await;
    system.until_arrived(&bob_token, &card, 5).await;
    for card in cards.iter().chain([&handled, &card]) {
        system.assert_once(&bob_token, card, 5).await;
    }
    drop(workers);
}

/// Waits until Valkey has acknowledged every event.
async fn until_published(system: &System) {
    let sql = Sql::at(&system.database_url);
    let unpublished = "SELECT COUNT(*) FROM outbox WHERE published_at IS NULL";
    eventually("every event to be published", || async {
        (sql.number(unpublished).await.ok()? == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn lost_data_of_valkey_on_postgres() {
    let database = TestDatabase::create().await;
    recovers_what_valkey_loses(&database.url()).await;
}

#[tokio::test]
async fn lost_data_of_valkey_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    recovers_what_valkey_loses(&database_url(dir.path())).await;
}
