//! Cases in which events were lost or doubled elsewhere, a test of its name for each.

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
