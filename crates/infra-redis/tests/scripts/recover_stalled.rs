use super::*;

impl Fixture {
    /// Looks for stalled jobs as if the interval had passed.
    async fn recover(&self, max_stalls: u32) -> Vec<String> {
        self.on("DEL", Suffix::StalledCheck, &[]).await;
        let args = [NOW.to_string(), "30000".to_owned(), max_stalls.to_string()];
        match self.call(&scripts::RECOVER_STALLED, args).await {
            Reply::List(ids) => ids.iter().map(text).collect(),
            other => panic!("not ids: {other:?}"),
        }
    }

    async fn lose_lock(&self, id: &str) {
        let lock = format!("{}:lock", self.keys.job(id));
        self.connection.command("DEL", vec![lock]).await.unwrap();
    }
}

#[tokio::test]
async fn a_job_whose_worker_is_gone_waits_again_at_the_front() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 2]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    fixture.lose_lock("1").await;
    // The first look only suspects, because the job may have been taken a moment ago.
    assert!(fixture.recover(1).await.is_empty());
    assert_eq!(fixture.recover(1).await, ["1"]);
    assert_keyspace!(fixture, @r#"
    1: ats=1 data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} pb=w1 priority=0 processedOn=1795507964676 stc=1 timestamp=1795507964676
    2: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=added jobId=2 name=greet
      event=waiting jobId=2
      event=active jobId=1 prev=waiting
      event=waiting jobId=1 prev=active
      event=stalled jobId=1
    id: 2
    marker: 0=0
    meta: opts.maxLenEvents=10000
    stalled-check (30s): 1795507964676
    wait: 2 1
    "#);
}

#[tokio::test]
async fn a_job_that_is_locked_or_renewed_is_left_alone() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 2]).await;
    fixture.fetch(NOW, None, &["a", "b"]).await;
    fixture.recover(1).await;
    assert!(fixture.recover(1).await.is_empty());
    fixture
        .call(&scripts::EXTEND_LOCKS, ["30000", "1", "a"])
        .await;
    fixture.lose_lock("1").await;
    assert!(fixture.recover(1).await.is_empty());
}

#[tokio::test]
async fn a_job_that_stalls_too_often_is_marked_to_fail() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    for token in ["a", "b"] {
        fixture.fetch(NOW, None, &[token]).await;
        fixture.lose_lock("1").await;
        fixture.recover(1).await;
        fixture.recover(1).await;
    }
    let fields = vec![fixture.keys.job("1"), "defa".to_owned(), "stc".to_owned()];
    let fields = fixture.connection.command("HMGET", fields).await.unwrap();
    let reason = Reply::Text("job stalled more than allowable limit".into());
    assert_eq!(fields, Reply::List(vec![reason, Reply::Text("2".into())]));
}

#[tokio::test]
async fn a_job_of_an_existing_scheduler_is_never_marked_to_fail() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    let scheduler = vec![
        fixture.keys.job("1"),
        "rjk".to_owned(),
        "nightly".to_owned(),
    ];
    fixture.connection.command("HSET", scheduler).await.unwrap();
    fixture.on("ZADD", Suffix::Repeat, &["1", "nightly"]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    fixture.lose_lock("1").await;
    fixture.recover(0).await;
    assert_eq!(fixture.recover(0).await, ["1"]);
    let deferred = vec![fixture.keys.job("1"), "defa".to_owned()];
    assert_eq!(
        fixture.connection.command("HGET", deferred).await.unwrap(),
        Reply::Nil
    );
}

#[tokio::test]
async fn one_look_an_interval_is_enough_for_all_workers() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    fixture.lose_lock("1").await;
    fixture.recover(1).await;
    let args = [NOW.to_string(), "30000".to_owned(), "1".to_owned()];
    let second = fixture.call(&scripts::RECOVER_STALLED, args).await;
    assert_eq!(second, Reply::List(vec![]));
    assert_eq!(fixture.on("LLEN", Suffix::Active, &[]).await, Reply::Int(1));
}

#[tokio::test]
async fn an_id_whose_job_is_gone_is_not_put_back() {
    let fixture = Fixture::new().await;
    fixture.on("LPUSH", Suffix::Active, &["gone"]).await;
    fixture.recover(1).await;
    assert!(fixture.recover(1).await.is_empty());
    assert_eq!(fixture.on("LLEN", Suffix::Active, &[]).await, Reply::Int(0));
    assert_eq!(fixture.on("LLEN", Suffix::Wait, &[]).await, Reply::Int(0));
}
