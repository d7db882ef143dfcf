//! A worker is told to stop while the database owes it an answer.

use testkit::postgres::TestDatabase;
use testkit::sql::Sql;

use super::*;

/// The grace period of a worker here.
const GRACE: Duration = Duration::from_millis(500);

/// When it must have ended: well before any statement or lock is given up.
const SOON: Duration = Duration::from_secs(5);

/// A system whose feed worker reaches Postgres on a way of its own.
struct Hanging {
    system: System,
    proxy: Proxy,
    worker: WorkerProgram,
    bob_token: String,
    card: String,
    _database: TestDatabase,
}

impl Hanging {
    /// Saves a card that no worker gets to see yet.
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let mut system = System::start_on(&database.url(), &shared_url().await, &[]).await;
        let (ada, ada_token) = system.curator("ada").await;
        let (_, bob_token) = system.curator("bob").await;
        system.follow(&bob_token, &ada).await;
        let (owner, place) = system.database_url.split_once('@').unwrap();
        let (server, name) = place.split_once('/').unwrap();
        let proxy = Proxy::start(server).await.unwrap();
        let server = proxy.url().replace("redis://", "");
        let proxied = format!("{owner}@{server}/{name}");
        let direct = std::mem::replace(&mut system.database_url, proxied);
        let grace = format!("{}ms", GRACE.as_millis());
        let extra = ["--shutdown-timeout", &grace];
        let worker = system
            .worker_at("feed-worker", &system.valkey_url, &extra)
            .await;
        system.database_url = direct;
        let feeds = queue(&system, "feeds").await;
        eventually("the follow to be handled", || async {
            (feeds.counts().await.ok()?.completed == 1).then_some(())
        })
        .await;
        feeds.pause().await.unwrap();
        let card = system.save(&ada_token, "https://example.org/").await;
        eventually("the card to be published", || async {
            (feeds.counts().await.ok()?.prioritized == 1).then_some(())
        })
        .await;
        Self {
            system,
            proxy,
            worker,
            bob_token,
            card,
            _database: database,
        }
    }

    /// Stops the worker when it is at the card.
    async fn stop_amid(&mut self) {
        let feeds = queue(&self.system, "feeds").await;
        feeds.resume().await.unwrap();
        until(&self.system, "feeds", |counts| counts.active == 1).await;
        let told = Instant::now();
        let program = &mut self.worker.program;
        program.signal("TERM").unwrap();
        let status = program.until_ended().await.unwrap();
        let took = told.elapsed();
        assert!(status.success(), "{status}\n{}", program.output());
        assert!(took < SOON, "it took {took:?}:\n{}", program.output());
        let handed_back = "0 finished and 1 were handed back";
        assert!(
            program.output().contains(handed_back),
            "{}",
            program.output()
        );
    }

    /// Another worker puts the card where it belongs, once.
    async fn assert_nothing_is_lost(&self) {
        let workers = self.system.all_workers().await;
        self.system
            .until_arrived(&self.bob_token, &self.card, 1)
            .await;
        self.system
            .assert_once(&self.bob_token, &self.card, 1)
            .await;
        drop(workers);
    }
}

#[tokio::test]
async fn a_worker_whose_statement_waits_for_a_lock_ends_in_time() {
    let mut test = Hanging::new().await;
    let sql = Sql::at(&test.system.database_url);
    let held = sql.hold("feed_entries").await.unwrap();
    test.stop_amid().await;
    held.release().await.unwrap();
    test.assert_nothing_is_lost().await;
}

#[tokio::test]
async fn a_worker_whose_database_answers_no_more_ends_in_time() {
    let mut test = Hanging::new().await;
    test.proxy.freeze();
    test.stop_amid().await;
    test.assert_nothing_is_lost().await;
}
