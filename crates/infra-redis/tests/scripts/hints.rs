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
        let round = Round {
            now: &NOW.to_string(),
            hint,
            settled,
            tokens,
            ..Round::default()
        };
        Fetch::of(self.round(round).await, settled.len())
    }

    /// Makes the call that stands behind a sleep.
    async fn fetch_asleep(&self, tokens: &[&str]) -> Fetch {
        self.fetch_knowing("asleep", &[], tokens).await
    }

    async fn server_millis(&self) -> u64 {
        let time = self.connection.command("TIME", Vec::new()).await.unwrap();
        let Reply::List(parts) = time else { panic!() };
        let [seconds, micros] = [0, 1].map(|n| text(&parts[n]).parse::<u64>().unwrap());
        seconds * 1000 + micros / 1000
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

#[tokio::test]
async fn a_call_behind_a_sleep_takes_the_servers_time_for_when_it_is_performed() {
    let fixture = Fixture::new().await;
    let before = fixture.server_millis().await;
    // The first is due now, the second is not.
    let late = (before + 60_000) * 4096;
    fixture.add(&[DUE, DUE]).await;
    fixture
        .on(
            "ZADD",
            Suffix::Delayed,
            &[&(before * 4096).to_string(), "1"],
        )
        .await;
    fixture
        .on("ZADD", Suffix::Delayed, &[&late.to_string(), "2"])
        .await;
    let due = fixture.fetch_asleep(&["a", "b"]).await;
    assert_eq!(due.ids, ["1"]);
    let next = (before + 60_000).to_string();
    assert_eq!(due.due, next);
    let none = fixture.fetch_asleep(&["b"]).await;
    assert_eq!((none.ids.len(), none.due), (0, next));

    fixture.add(&[PLAIN]).await;
    // As a second begins, the server tells its microseconds in few digits.
    while fixture.server_millis().await % 1000 > 5 {}
    assert_eq!(fixture.fetch_asleep(&["c"]).await.ids, ["3"]);
    let after = fixture.server_millis().await;
    for id in ["1", "3"] {
        let began: u64 = text(&fixture.at("HGET", id, &["processedOn"]).await)
            .parse()
            .unwrap();
        assert!(
            (before..=after).contains(&began),
            "{before} {began} {after}"
        );
    }

    // A worker whose clock is behind the server's settles them: no job ends before it began.
    let settled = [settlement("completed", "1", "a")];
    assert_eq!(fixture.settle(NOW, &settled).await, [0]);
    let alone = [settlement("completed", "3", "c")];
    fixture.fetch_knowing("quiet", &alone, &["d"]).await;
    for id in ["1", "3"] {
        let times = fixture
            .at("HMGET", id, &["processedOn", "finishedOn"])
            .await;
        let Reply::List(times) = times else { panic!() };
        assert_eq!(times[0], times[1]);
        assert_eq!(
            fixture.on("ZSCORE", Suffix::Completed, &[id]).await,
            times[1]
        );
    }
}
