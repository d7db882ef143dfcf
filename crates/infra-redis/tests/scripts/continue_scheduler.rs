use super::upsert_scheduler::{EVERY, Upsert};
use super::*;

/// A call of `continue_scheduler`.
#[derive(Clone, Copy)]
pub(super) struct Continue<'a> {
    pub(super) now: u64,
    /// When the latest iteration was due.
    pub(super) latest: u64,
    pub(super) why: &'a str,
    pub(super) cron: Option<u64>,
}

/// The job at `NOW` begins.
pub(super) const BEGINS: Continue<'static> = Continue {
    now: NOW,
    latest: NOW,
    why: "next",
    cron: None,
};

impl Fixture {
    /// The id of the job that was added, or ''.
    pub(super) async fn go_on(&self, next: Continue<'_>) -> String {
        let (cron, every) = match next.cron {
            Some(cron) => (cron.to_string(), String::new()),
            None => (String::new(), "10000".to_owned()),
        };
        let args = [
            "beat".to_owned(),
            next.now.to_string(),
            format!("repeat:beat:{}", next.latest),
            next.why.to_owned(),
            cron,
            every,
            r#"{"attempts":3,"jobId":"repeat:beat:"#.to_owned(),
            "0".to_owned(),
            String::new(),
            "legacy".to_owned(),
            r#"{"legacy":true}"#.to_owned(),
        ];
        text(&self.call(&scripts::CONTINUE_SCHEDULER, args).await)
    }
}

fn id(after: u64) -> String {
    format!("repeat:beat:{}", NOW + after)
}

#[tokio::test]
async fn the_job_that_begins_adds_the_next_one() {
    let fixture = Fixture::new().await;
    fixture.upsert(EVERY).await;
    fixture.fetch(NOW, None, &["a"]).await;
    assert_eq!(fixture.go_on(BEGINS).await, id(10_000));
    assert_keyspace!(fixture, @r#"
    active: repeat:beat:1795507964676
    delayed: repeat:beat:1795507974676=7354400664272896
    events: 
      event=added jobId=repeat:beat:1795507964676 name=greet
      event=waiting jobId=repeat:beat:1795507964676
      event=active jobId=repeat:beat:1795507964676 prev=waiting
      event=added jobId=repeat:beat:1795507974676 name=greet
      event=delayed jobId=repeat:beat:1795507974676 delay=1795507974676
    id: 2
    marker: 0=0 1=1795507974676
    meta: opts.maxLenEvents=10000
    repeat: beat=1795507974676
    repeat:beat: data={"to":"Ada"} every=10000 ic=2 name=greet offset=4676
    repeat:beat:1795507964676: ats=1 data={"to":"Ada"} delay=0 name=greet opts={"attempts":3,"jobId":"repeat:beat:1795507964676","delay":0} pb=w1 priority=0 processedOn=1795507964676 rjk=beat timestamp=1795507964676
    repeat:beat:1795507964676:lock (30s): a
    repeat:beat:1795507974676: data={"to":"Ada"} delay=10000 name=greet opts={"attempts":3,"jobId":"repeat:beat:1795507974676","delay":10000} priority=0 rjk=beat timestamp=1795507964676
    "#);
}

#[tokio::test]
async fn the_next_job_of_a_pattern_knows_its_time() {
    let fixture = Fixture::new().await;
    let cron = Upsert {
        every: None,
        cron: Some(NOW),
        ..EVERY
    };
    fixture.upsert(cron).await;
    let next = Continue {
        cron: Some(NOW + 5),
        ..BEGINS
    };
    assert_eq!(fixture.go_on(next).await, id(5));
    let key = fixture.keys.job(&id(5));
    let args = vec![key, "opts".to_owned()];
    let opts = text(&fixture.connection.command("HGET", args).await.unwrap());
    let expected = format!(
        r#"{{"attempts":3,"jobId":"{}","delay":5,"prevMillis":{}}}"#,
        id(5),
        NOW + 5
    );
    assert_eq!(opts, expected);
}

#[tokio::test]
async fn only_the_latest_iteration_adds_another_and_only_once() {
    let fixture = Fixture::new().await;
    fixture.upsert(EVERY).await;
    assert_eq!(fixture.go_on(BEGINS).await, id(10_000));
    let before = fixture.keyspace().await;
    assert_eq!(fixture.go_on(BEGINS).await, "");
    assert_eq!(fixture.keyspace().await, before);
    fixture.call(&scripts::REMOVE_SCHEDULER, ["beat"]).await;
    let second = Continue {
        latest: NOW + 10_000,
        ..BEGINS
    };
    assert_eq!(fixture.go_on(second).await, "");
}

#[tokio::test]
async fn slots_that_have_passed_are_skipped_and_the_alignment_kept() {
    let next = async |late: u64| {
        let fixture = Fixture::new().await;
        fixture.upsert(EVERY).await;
        let late = Continue {
            now: NOW + late,
            ..BEGINS
        };
        fixture.go_on(late).await
    };
    assert_eq!(next(9_999).await, id(10_000));
    assert_eq!(next(10_000).await, id(10_000));
    assert_eq!(next(10_001).await, id(20_000));
    assert_eq!(next(35_324).await, id(40_000));
    assert_eq!(next(40_000).await, id(50_000));
}

#[tokio::test]
async fn a_next_job_that_exists_is_reported_as_a_duplicate() {
    let fixture = Fixture::new().await;
    fixture.upsert(EVERY).await;
    let args = vec![
        fixture.keys.job(&id(10_000)),
        "name".to_owned(),
        "old".to_owned(),
    ];
    fixture.connection.command("HSET", args).await.unwrap();
    assert_eq!(fixture.go_on(BEGINS).await, "");
    assert_keyspace!(fixture, @r#"
    events: 
      event=added jobId=repeat:beat:1795507964676 name=greet
      event=waiting jobId=repeat:beat:1795507964676
      event=duplicated jobId=repeat:beat:1795507974676
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    repeat: beat=1795507964676
    repeat:beat: data={"to":"Ada"} every=10000 ic=1 name=greet offset=4676
    repeat:beat:1795507964676: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3,"jobId":"repeat:beat:1795507964676","delay":0} priority=0 rjk=beat timestamp=1795507964676
    repeat:beat:1795507974676: name=old
    wait: repeat:beat:1795507964676
    "#);
}

#[tokio::test]
async fn a_repeatable_job_of_5x_goes_on_with_the_data_of_the_job_before() {
    let fixture = Fixture::new().await;
    let now = NOW.to_string();
    fixture.on("ZADD", Suffix::Repeat, &[&now, "beat"]).await;
    let args = [&fixture.keys.job("repeat:beat"), "every", "10000"].map(String::from);
    let args = args.to_vec();
    fixture.connection.command("HSET", args).await.unwrap();
    assert_eq!(fixture.go_on(BEGINS).await, id(10_000));
    assert_keyspace!(fixture, @r#"
    delayed: repeat:beat:1795507974676=7354400664272896
    events: 
      event=added jobId=repeat:beat:1795507974676 name=legacy
      event=delayed jobId=repeat:beat:1795507974676 delay=1795507974676
    id: 1
    marker: 1=1795507974676
    meta: opts.maxLenEvents=10000
    repeat: beat=1795507974676
    repeat:beat: every=10000
    repeat:beat:1795507974676: data={"legacy":true} delay=10000 name=legacy opts={"attempts":3,"jobId":"repeat:beat:1795507974676","delay":10000} priority=0 rjk=beat timestamp=1795507964676
    "#);
}
