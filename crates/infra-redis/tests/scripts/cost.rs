//! What operations cost the server, in commands: exact numbers that no machine changes. A test that
//! fails here says that an operation became dearer or cheaper; see docs/performance.md.

use testkit::valkey::PrivateValkey;

use super::settle_and_fetch::settlement;
use super::*;

struct Meter {
    // Ends the server when dropped.
    _server: PrivateValkey,
    fixture: Fixture,
}

impl Meter {
    async fn new() -> Self {
        let server = PrivateValkey::start().await.unwrap();
        let fixture = Fixture::at_url(&server.url()).await;
        // The first call of a script makes it known, and the first of a queue writes its settings.
        fixture.add(&[PLAIN]).await;
        fixture.fetch(NOW, None, &["first"]).await;
        fixture
            .settle(NOW, &[settlement("completed", "1", "first")])
            .await;
        Self {
            _server: server,
            fixture,
        }
    }

    /// How many commands the server ran, those inside scripts included, without the call itself.
    async fn commands(&self, operation: impl AsyncFnOnce(&Fixture)) -> u64 {
        let command = async |name: &'static str, arg: &str| {
            let args = vec![arg.to_owned()];
            self.fixture.connection.command(name, args).await.unwrap()
        };
        command("CONFIG", "RESETSTAT").await;
        operation(&self.fixture).await;
        let calls = text(&command("INFO", "commandstats").await);
        let calls = calls
            .lines()
            .filter(|line| {
                !["config", "info", "eval"]
                    .iter()
                    .any(|name| line.starts_with(&format!("cmdstat_{name}")))
            })
            .filter_map(|line| {
                line.split_once("calls=")?
                    .1
                    .split(',')
                    .next()?
                    .parse::<u64>()
                    .ok()
            });
        calls.sum()
    }
}

fn ids(count: usize) -> Vec<String> {
    (2..count + 2).map(|id| id.to_string()).collect()
}

#[tokio::test]
async fn adding_costs_seven_commands_alone_and_three_a_job_together() {
    let meter = Meter::new().await;
    let add = async |count| {
        let jobs = vec![PLAIN; count];
        meter.commands(async |on| drop(on.add(&jobs).await)).await
    };
    assert_eq!(add(1).await, 7);
    assert_eq!(add(100).await, 4 + 3 * 100);
}

#[tokio::test]
async fn a_settled_and_fetched_job_costs_seventeen_commands_alone_and_eight_together() {
    for (count, expected) in [(1, 17), (50, 10 + 8 * 50)] {
        let meter = Meter::new().await;
        meter.fixture.add(&vec![PLAIN; 2 * count]).await;
        let tokens: Vec<_> = ids(2 * count);
        let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
        meter.fixture.fetch(NOW, None, &tokens[..count]).await;
        let settled: Vec<_> = tokens[..count]
            .iter()
            .map(|id| settlement("completed", id, id))
            .collect();
        let commands = meter
            .commands(async |on| {
                let round = on
                    .settle_and_fetch(NOW, None, &settled, &tokens[count..])
                    .await;
                assert_eq!(round.ids.len(), count);
            })
            .await;
        assert_eq!(commands, expected, "{count} at once");
    }
}

#[tokio::test]
async fn a_job_that_an_idle_worker_finds_costs_eight_commands_and_ten_more_to_settle() {
    // Behind a sleep it takes the server's time, which is a command more.
    for (hint, expected) in [("", 8), ("asleep", 9)] {
        let meter = Meter::new().await;
        meter.fixture.add(&[PLAIN]).await;
        let tokens = ids(10);
        let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
        let found = meter.commands(async |on| {
            assert_eq!(on.fetch_knowing(hint, &[], &tokens).await.ids, ["2"]);
        });
        assert_eq!(found.await, expected, "{hint}");
        // Not kept, and nothing is left.
        let mut settled = settlement("completed", "2", "2");
        settled[6] = "0";
        let settle = meter.commands(async |on| {
            let round = on.fetch_knowing("quiet", &[settled], &tokens).await;
            assert_eq!((round.codes, round.ids.len()), (vec![0], 0));
        });
        assert_eq!(settle.await, 10);
    }
}

#[tokio::test]
async fn renewing_locks_and_learning_which_jobs_are_cancelled_costs_two_commands_a_lock() {
    let meter = Meter::new().await;
    meter.fixture.add(&[PLAIN; 50]).await;
    let tokens = ids(50);
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    meter.fixture.fetch(NOW, None, &tokens).await;
    let commands = meter
        .commands(async |on| {
            let pairs = tokens.iter().flat_map(|id| [*id, *id]);
            let args = std::iter::once("30000").chain(pairs);
            on.call(&scripts::EXTEND_LOCKS, args).await;
        })
        .await;
    assert_eq!(commands, 2 + 2 * 50);
}
