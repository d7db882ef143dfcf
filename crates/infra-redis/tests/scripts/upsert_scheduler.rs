use super::*;

/// A call of `upsert_scheduler`.
#[derive(Clone, Copy)]
pub(super) struct Upsert<'a> {
    pub(super) id: &'a str,
    pub(super) now: u64,
    /// When a pattern comes true next.
    pub(super) cron: Option<u64>,
    pub(super) every: Option<u64>,
    pub(super) start: Option<u64>,
    pub(super) offset: Option<u64>,
    pub(super) priority: u32,
}

/// Every ten seconds.
pub(super) const EVERY: Upsert<'static> = Upsert {
    id: "beat",
    now: NOW,
    cron: None,
    every: Some(10_000),
    start: None,
    offset: None,
    priority: 0,
};

impl Fixture {
    pub(super) async fn upsert(&self, upsert: Upsert<'_>) -> Reply {
        let text = |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
        let opts = format!(r#"{{"attempts":3,"jobId":"repeat:{}:"#, upsert.id);
        let mut args = vec![
            upsert.id.to_owned(),
            upsert.now.to_string(),
            text(upsert.cron),
            text(upsert.every),
            text(upsert.start),
            text(upsert.offset),
            opts,
            "greet".to_owned(),
            r#"{"to":"Ada"}"#.to_owned(),
            upsert.priority.to_string(),
            String::new(),
        ];
        args.extend(["name", "greet", "data", r#"{"to":"Ada"}"#].map(String::from));
        args.extend(match upsert.every {
            Some(every) => ["every".to_owned(), every.to_string()],
            None => ["pattern", "* * * * *"].map(String::from),
        });
        self.call(&scripts::UPSERT_SCHEDULER, args).await
    }

    /// Upserts; the time in the id of the job ahead, and its delay.
    async fn next_of(&self, upsert: Upsert<'_>) -> (u64, u64) {
        let Reply::List(parts) = self.upsert(upsert).await else {
            panic!("no job")
        };
        let id = text(&parts[0]);
        let millis = id.rsplit_once(':').unwrap().1.parse().unwrap();
        (millis, text(&parts[1]).parse().unwrap())
    }
}

#[tokio::test]
async fn the_first_job_at_an_interval_is_ready_at_once() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.next_of(EVERY).await, (NOW, 0));
    assert_keyspace!(fixture, @r#"
    events: 
      event=added jobId=repeat:beat:1795507964676 name=greet
      event=waiting jobId=repeat:beat:1795507964676
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    repeat: beat=1795507964676
    repeat:beat: data={"to":"Ada"} every=10000 ic=1 name=greet offset=4676
    repeat:beat:1795507964676: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3,"jobId":"repeat:beat:1795507964676","delay":0} priority=0 rjk=beat timestamp=1795507964676
    wait: repeat:beat:1795507964676
    "#);
}

#[tokio::test]
async fn the_first_job_of_a_pattern_is_delayed_until_its_time() {
    let fixture = Fixture::new().await;
    let cron = Upsert {
        every: None,
        cron: Some(NOW + 324),
        priority: 2,
        ..EVERY
    };
    assert_eq!(fixture.next_of(cron).await, (NOW + 324, 324));
    assert_keyspace!(fixture, @r#"
    delayed: repeat:beat:1795507965000=7354400624640000
    events: 
      event=added jobId=repeat:beat:1795507965000 name=greet
      event=delayed jobId=repeat:beat:1795507965000 delay=1795507965000
    id: 1
    marker: 1=1795507965000
    meta: opts.maxLenEvents=10000
    repeat: beat=1795507965000
    repeat:beat: data={"to":"Ada"} ic=1 name=greet offset=0 pattern=* * * * *
    repeat:beat:1795507965000: data={"to":"Ada"} delay=324 name=greet opts={"attempts":3,"jobId":"repeat:beat:1795507965000","delay":324,"prevMillis":1795507965000} priority=2 rjk=beat timestamp=1795507964676
    "#);
}

#[tokio::test]
async fn an_offset_or_a_start_says_when_an_interval_begins() {
    let next = async |upsert| Fixture::new().await.next_of(upsert).await.0 - NOW;
    // Now is 4676 ms into an interval.
    let offset = |offset| Upsert {
        offset: Some(offset),
        ..EVERY
    };
    assert_eq!(next(offset(5000)).await, 324);
    assert_eq!(next(offset(4676)).await, 10_000);
    assert_eq!(next(offset(1000)).await, 6324);
    let start = |start| Upsert {
        start: Some(start),
        ..offset(5000)
    };
    assert_eq!(next(start(NOW + 77)).await, 77);
    assert_eq!(next(start(NOW - 77)).await, 0);
}

#[tokio::test]
async fn a_change_replaces_the_job_ahead_and_keeps_its_time() {
    let fixture = Fixture::new().await;
    let offset = Upsert {
        offset: Some(5000),
        ..EVERY
    };
    fixture.upsert(offset).await;
    let later = Upsert {
        now: NOW + 100,
        priority: 5,
        ..EVERY
    };
    assert_eq!(fixture.next_of(later).await, (NOW + 324, 224));
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
    repeat:beat:1795507965000: data={"to":"Ada"} delay=224 name=greet opts={"attempts":3,"jobId":"repeat:beat:1795507965000","delay":224} priority=5 rjk=beat timestamp=1795507964776
    "#);
}

#[tokio::test]
async fn another_interval_begins_anew_and_keeps_the_offset_that_is_stored() {
    let fixture = Fixture::new().await;
    fixture.upsert(EVERY).await;
    let slower = Upsert {
        now: NOW + 100,
        every: Some(20_000),
        ..EVERY
    };
    assert_eq!(fixture.next_of(slower).await, (NOW + 100, 0));
    let stored = ["offset", "every", "ic"].map(String::from);
    let key = fixture.keys.job("repeat:beat");
    let args = std::iter::once(key).chain(stored).collect();
    let stored = fixture.connection.command("HMGET", args).await.unwrap();
    let expected = ["4676", "20000", "1"].map(|text| Reply::Text(text.to_owned()));
    assert_eq!(stored, Reply::List(expected.to_vec()));
}

#[tokio::test]
async fn a_job_at_work_is_left_alone_and_the_next_slot_taken() {
    let fixture = Fixture::new().await;
    fixture.upsert(EVERY).await;
    fixture.fetch(NOW, None, &["a"]).await;
    assert_eq!(fixture.next_of(EVERY).await, (NOW + 10_000, 10_000));
    assert_eq!(text(&fixture.on("LLEN", Suffix::Active, &[]).await), "1");
}

#[tokio::test]
async fn slots_that_have_jobs_are_passed_over_up_to_a_limit() {
    let fixture = Fixture::new().await;
    let occupy = async |round: u64| {
        let id = format!("repeat:beat:{}", NOW + round * 10_000);
        let args = vec![fixture.keys.job(&id), "name".to_owned(), "old".to_owned()];
        fixture.connection.command("HSET", args).await.unwrap();
    };
    for round in 0..32 {
        occupy(round).await;
    }
    assert_eq!(fixture.next_of(EVERY).await.0, NOW + 320_000);
    fixture.call(&scripts::REMOVE_SCHEDULER, ["beat"]).await;
    occupy(32).await;
    let before = fixture.keyspace().await;
    assert_eq!(fixture.upsert(EVERY).await, Reply::Int(-11));
    assert_eq!(fixture.keyspace().await, before);
}

#[tokio::test]
async fn a_pattern_does_not_come_true_twice_at_one_time() {
    let fixture = Fixture::new().await;
    let cron = Upsert {
        every: None,
        cron: Some(NOW),
        ..EVERY
    };
    fixture.upsert(cron).await;
    fixture.fetch(NOW, None, &["a"]).await;
    let before = fixture.keyspace().await;
    assert_eq!(fixture.upsert(cron).await, Reply::Int(-10));
    assert_eq!(fixture.keyspace().await, before);
}
