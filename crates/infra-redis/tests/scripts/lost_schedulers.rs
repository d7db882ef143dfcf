use super::continue_scheduler::{BEGINS, Continue};
use super::upsert_scheduler::{EVERY, Upsert};
use super::*;
use crate::engine::scheduler::rearm;

const DELAYED: Upsert<'static> = Upsert {
    offset: Some(5000),
    ..EVERY
};

impl Fixture {
    async fn lost(&self) -> Vec<String> {
        let Reply::List(parts) = self.call(&scripts::LOST_SCHEDULERS, ["0", "99"]).await else {
            panic!("not a list")
        };
        let id = |lost: &Reply| match lost {
            Reply::List(parts) => text(&parts[0]),
            other => panic!("not a scheduler: {other:?}"),
        };
        parts[1..].iter().map(id).collect()
    }

    async fn remove_key(&self, id: &str) {
        let key = self.keys.job(id);
        self.connection.command("DEL", vec![key]).await.unwrap();
    }

    async fn rearm(&self, now: u64) -> Vec<String> {
        rearm(&self.connection, &self.keys, now).await.unwrap()
    }
}

#[tokio::test]
async fn a_scheduler_with_a_job_anywhere_ahead_is_not_lost() {
    let fixture = Fixture::new().await;
    let with = |id, upsert| Upsert { id, ..upsert };
    fixture.upsert(with("waiting", EVERY)).await;
    fixture.upsert(with("active", EVERY)).await;
    fixture.fetch(NOW, None, &["a"]).await;
    fixture.upsert(with("delayed", DELAYED)).await;
    let prioritized = Upsert {
        priority: 1,
        ..EVERY
    };
    fixture.upsert(with("prioritized", prioritized)).await;
    assert!(fixture.lost().await.is_empty());
    assert!(fixture.rearm(NOW).await.is_empty());
}

#[tokio::test]
async fn a_job_gone_before_its_time_is_added_again() {
    let fixture = Fixture::new().await;
    fixture.upsert(DELAYED).await;
    let before = fixture.keyspace().await;
    let job = format!("repeat:beat:{}", NOW + 324);
    fixture.remove_key(&job).await;
    fixture.on("DEL", Suffix::Delayed, &[]).await;
    assert_eq!(fixture.lost().await, ["beat"]);
    assert_eq!(fixture.rearm(NOW).await, [job]);
    assert!(fixture.rearm(NOW).await.is_empty());
    assert_ne!(fixture.keyspace().await, before, "events tell of it");
    assert_keyspace!(fixture, @r#"
    delayed: repeat:beat:1795507965000=7354400624640000
    events: 
      event=added jobId=repeat:beat:1795507965000 name=greet
      event=delayed jobId=repeat:beat:1795507965000 delay=1795507965000
      event=added jobId=repeat:beat:1795507965000 name=greet
      event=delayed jobId=repeat:beat:1795507965000 delay=1795507965000
    id: 2
    marker: 1=1795507965000
    meta: opts.maxLenEvents=10000
    repeat: beat=1795507965000
    repeat:beat: data={"to":"Ada"} every=10000 ic=1 name=greet offset=5000
    repeat:beat:1795507965000: data={"to":"Ada"} delay=324 name=greet opts={"attempts":0,"timestamp":1795507964676,"repeat":{"count":1,"every":10000},"repeatJobKey":"beat","jobId":"repeat:beat:1795507965000","delay":324} priority=0 rjk=beat timestamp=1795507964676
    "#);
}

#[tokio::test]
async fn a_job_that_ended_without_adding_the_next_one_is_followed() {
    let fixture = Fixture::new().await;
    fixture.upsert(EVERY).await;
    fixture.fetch(NOW, None, &["a"]).await;
    let job = format!("repeat:beat:{NOW}");
    let completed = [
        "completed",
        &job,
        "a",
        "null",
        "",
        "0",
        "-1",
        "-1",
        "0",
        "0",
        "0",
    ];
    assert_eq!(fixture.settle(NOW, &[completed]).await, [0]);
    assert_eq!(fixture.lost().await, ["beat"]);
    let next = format!("repeat:beat:{}", NOW + 10_000);
    assert_eq!(fixture.rearm(NOW + 7).await, [next]);
    let key = fixture.keys.job("repeat:beat");
    let count = fixture
        .connection
        .command("HGET", vec![key, "ic".to_owned()]);
    assert_eq!(text(&count.await.unwrap()), "2");
}

#[tokio::test]
async fn a_series_that_has_ended_is_not_begun_again() {
    let fixture = Fixture::new().await;
    for (id, field, value) in [("limited", "limit", 1), ("ended", "endDate", NOW)] {
        fixture.upsert(Upsert { id, ..EVERY }).await;
        let args = [
            fixture.keys.job(&format!("repeat:{id}")),
            field.to_owned(),
            value.to_string(),
        ];
        fixture
            .connection
            .command("HSET", args.to_vec())
            .await
            .unwrap();
        fixture.remove_key(&format!("repeat:{id}:{NOW}")).await;
    }
    fixture.on("DEL", Suffix::Wait, &[]).await;
    assert_eq!(fixture.lost().await, ["ended", "limited"]);
    assert!(fixture.rearm(NOW + 1).await.is_empty());
}

#[tokio::test]
async fn a_job_that_moved_on_since_it_was_found_lost_is_left_alone() {
    let fixture = Fixture::new().await;
    fixture.upsert(EVERY).await;
    for why in ["lost", "missing"] {
        assert_eq!(fixture.go_on(Continue { why, ..BEGINS }).await, "");
    }
}
