//! What a worker knows when it makes a call spares commands, and changes nothing else.

use super::settle_and_fetch::settlement;
use super::*;

impl Fixture {
    pub(super) async fn fetch_knowing(
        &self,
        hint: &str,
        settled: &[[&str; 11]],
        tokens: &[&str],
    ) -> Fetch {
        let now = NOW.to_string();
        let count = settled.len().to_string();
        let wanted = tokens.len().to_string();
        let head = [&now, "30000", "w1", "", hint, &wanted, &count].map(str::to_owned);
        let args = head
            .into_iter()
            .chain(settled.iter().flat_map(settlement_args))
            .chain(tokens.iter().map(ToString::to_string));
        let reply = self.call(&scripts::SETTLE_AND_FETCH, args).await;
        Fetch::of(reply, settled.len())
    }

    async fn delayed(&self) -> Reply {
        self.on("ZCARD", Suffix::Delayed, &[]).await
    }
}

const DUE: Add<'_> = Add { delay: 1, ..PLAIN };

/// A job that is due, behind this many that wait.
async fn due_behind(waiting: usize) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.add(&[DUE]).await;
    // A later call finds it due.
    let due = (NOW * 4096).to_string();
    fixture.on("ZADD", Suffix::Delayed, &[&due, "1"]).await;
    fixture.add(&vec![PLAIN; waiting]).await;
    fixture
}

#[tokio::test]
async fn on_a_busy_queue_due_jobs_are_looked_for_when_jobs_are_short() {
    let fixture = due_behind(2).await;
    let fetched = fixture.fetch_knowing("busy", &[], &["a", "b"]).await;
    assert_eq!(fetched.ids, ["2", "3"]);
    assert_eq!(fixture.delayed().await, Reply::Int(1));

    let fixture = due_behind(1).await;
    let fetched = fixture.fetch_knowing("busy", &[], &["a", "b"]).await;
    assert_eq!(fetched.ids, ["2", "1"]);
    assert_eq!(fixture.delayed().await, Reply::Int(0));
}

#[tokio::test]
async fn a_busy_queue_is_taken_to_have_more() {
    let fixture = due_behind(1).await;
    fixture.on("DEL", Suffix::Marker, &[]).await;
    fixture.fetch_knowing("busy", &[], &["a"]).await;
    let marker = fixture.on("ZRANGE", Suffix::Marker, &["0", "-1"]).await;
    assert_eq!(marker, Reply::List(vec![Reply::Text("0".to_owned())]));
}

#[tokio::test]
async fn a_quiet_queue_is_drained_once_and_what_is_there_all_the_same_is_found() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    let end = [settlement("completed", "1", "a")];
    let fetched = fixture.fetch_knowing("quiet", &end, &["b"]).await;
    assert_eq!((fetched.codes, fetched.ids.len()), (vec![0], 0));
    fixture.fetch_knowing("quiet", &[], &["b"]).await;
    let drained = fixture.events().await;
    let drained = drained.iter().filter(|event| event.contains("drained"));
    assert_eq!(drained.count(), 1);

    fixture.add(&[PLAIN]).await;
    assert_eq!(fixture.fetch_knowing("quiet", &[], &["b"]).await.ids, ["2"]);
    let fixture = due_behind(0).await;
    assert_eq!(fixture.fetch_knowing("quiet", &[], &["b"]).await.ids, ["1"]);
}

#[tokio::test]
async fn a_job_that_is_due_at_any_time_is_found_alone() {
    let fixture = Fixture::new().await;
    fixture.add(&[DUE]).await;
    fixture.on("ZADD", Suffix::Delayed, &["0", "1"]).await;
    assert_eq!(fixture.fetch_knowing("", &[], &["a"]).await.ids, ["1"]);
}
