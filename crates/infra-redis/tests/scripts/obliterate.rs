use super::setup::told;
use super::*;

#[tokio::test]
async fn a_queue_that_is_not_paused_or_has_active_jobs_stays() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    assert_eq!(
        told(fixture.queue.obliterate(true).await),
        "Cannot obliterate non-paused queue"
    );
    fixture.fetch(NOW, None, &["token"]).await;
    fixture.queue.pause().await.unwrap();
    let before = fixture.keyspace().await;
    assert_eq!(
        told(fixture.queue.obliterate(false).await),
        "Cannot obliterate queue with active jobs"
    );
    assert_eq!(fixture.keyspace().await, before);
}

#[tokio::test]
async fn everything_goes_but_what_waits_for_other_queues() {
    let fixture = Fixture::new().await;
    for (state, id) in [
        (Suffix::Wait, "a"),
        (Suffix::Paused, "b"),
        (Suffix::Prioritized, "c"),
        (Suffix::Delayed, "d"),
        (Suffix::Active, "e"),
        (Suffix::Completed, "f"),
        (Suffix::Failed, "g"),
        (Suffix::WaitingChildren, "near"),
        (Suffix::WaitingChildren, "far"),
    ] {
        fixture.store_in(state, id).await;
        fixture.at("RPUSH", &format!("{id}:logs"), &["line"]).await;
    }
    fixture.adopt("a", &fixture, "near").await;
    let far = fixture.beside();
    far.store("child").await;
    far.adopt("child", &fixture, "far").await;
    fixture.at("HSET", "b", &["deid", "d"]).await;
    fixture.at("SET", "de:d", &["b"]).await;
    fixture.at("SET", "e:lock", &["token"]).await;
    fixture.put(Suffix::Repeat, "tick", "5000").await;
    fixture.at("HSET", "repeat:tick", &["every", "5"]).await;
    fixture
        .at("HSET", "metrics:completed", &["count", "1"])
        .await;
    fixture.at("LPUSH", "metrics:completed:data", &["1"]).await;
    fixture.on("SET", Suffix::Limiter, &["1"]).await;
    fixture.on("SADD", Suffix::Stalled, &["e"]).await;
    fixture.queue.pause().await.unwrap();
    fixture.queue.obliterate(true).await.unwrap();
    let base = far.keys.base().trim_end_matches(':');
    let keyspace = fixture.keyspace().await.replace(base, "CHILDREN");
    insta::assert_snapshot!(keyspace, @"
    far: name=n timestamp=1000
    far:dependencies: CHILDREN:child
    far:logs: line
    limiter: 1
    waiting-children: far=1000
    ");
}

#[tokio::test]
async fn thousands_of_jobs_go_in_parts() {
    let fixture = Fixture::new().await;
    fixture.store_many(Suffix::Wait, 1000).await;
    fixture.queue.pause().await.unwrap();
    let args = ["1000", "0"];
    let first = fixture.call(&scripts::OBLITERATE, args).await;
    assert_eq!(first, Reply::Int(1));
    fixture.store_many(Suffix::Failed, 1500).await;
    fixture.store_many(Suffix::Prioritized, 1200).await;
    fixture.queue.obliterate(false).await.unwrap();
    assert_keyspace!(fixture, @"");
}
