use super::*;

#[tokio::test]
async fn pausing_takes_the_wake_up_away_and_resuming_gives_it_back() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.queue.pause().await.unwrap();
    fixture.queue.pause().await.unwrap();
    assert_eq!(
        fixture.on("EXISTS", Suffix::Marker, &[]).await,
        Reply::Int(0)
    );
    fixture.queue.resume().await.unwrap();
    assert_keyspace!(fixture, @r#"
    1: data={"to":"Ada"} delay=0 name=greet opts={"attempts":3} priority=0 timestamp=1795507964676
    events: 
      event=added jobId=1 name=greet
      event=waiting jobId=1
      event=paused
      event=paused
      event=resumed
    id: 1
    marker: 0=0
    meta: opts.maxLenEvents=10000
    wait: 1
    "#);
}

#[tokio::test]
async fn what_a_5x_client_put_aside_runs_first_and_nothing_is_lost() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 2]).await;
    fixture.queue.pause().await.unwrap();
    fixture
        .on("LPUSH", Suffix::Paused, &["old-1", "old-2"])
        .await;
    fixture.queue.resume().await.unwrap();
    let wait = fixture.on("LRANGE", Suffix::Wait, &["0", "-1"]).await;
    let wait: Vec<_> = match wait {
        Reply::List(ids) => ids.iter().map(text).collect(),
        other => panic!("{other:?}"),
    };
    assert_eq!(wait, ["2", "1", "old-2", "old-1"]);
    assert_eq!(
        fixture.on("EXISTS", Suffix::Paused, &[]).await,
        Reply::Int(0)
    );
}

#[tokio::test]
async fn a_long_list_of_a_5x_client_is_moved_in_parts() {
    let fixture = Fixture::new().await;
    let ids: Vec<_> = (0..15_000).map(|n| format!("old-{n}")).collect();
    for part in ids.chunks(5_000) {
        let part: Vec<_> = part.iter().map(String::as_str).collect();
        fixture.on("LPUSH", Suffix::Paused, &part).await;
    }
    fixture.queue.resume().await.unwrap();
    assert_eq!(
        fixture.on("LLEN", Suffix::Wait, &[]).await,
        Reply::Int(15_000)
    );
    assert_eq!(
        text(&fixture.on("LINDEX", Suffix::Wait, &["-1"]).await),
        "old-0"
    );
    assert_eq!(
        text(&fixture.on("LINDEX", Suffix::Wait, &["0"]).await),
        "old-14999"
    );
    let events = fixture.keyspace().await.matches("event=resumed").count();
    assert_eq!(events, 1);
}

#[tokio::test]
async fn resuming_a_queue_of_delayed_jobs_tells_when_the_first_is_due() {
    let fixture = Fixture::new().await;
    fixture
        .add(&[Add {
            delay: 1000,
            ..PLAIN
        }])
        .await;
    fixture.queue.pause().await.unwrap();
    fixture.queue.resume().await.unwrap();
    let marker = fixture
        .on("ZRANGE", Suffix::Marker, &["0", "-1", "WITHSCORES"])
        .await;
    let due = Reply::Text((NOW + 1000).to_string());
    assert_eq!(marker, Reply::List(vec![Reply::Text("1".into()), due]));
}
