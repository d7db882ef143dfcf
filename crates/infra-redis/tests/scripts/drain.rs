use super::*;

async fn with_a_job_in_every_state() -> Fixture {
    let fixture = Fixture::new().await;
    for (state, id) in [
        (Suffix::Wait, "a"),
        (Suffix::Paused, "b"),
        (Suffix::Prioritized, "c"),
        (Suffix::Delayed, "d"),
        (Suffix::Active, "e"),
        (Suffix::Completed, "f"),
        (Suffix::Failed, "g"),
    ] {
        fixture.store_in(state, id).await;
    }
    fixture
}

#[tokio::test]
async fn what_is_ready_goes_and_nobody_is_told() {
    let fixture = with_a_job_in_every_state().await;
    assert_eq!(fixture.queue.drain(false).await.unwrap(), 3);
    assert_keyspace!(fixture, @"
    active: e
    completed: f=1000
    d: name=n timestamp=1000
    delayed: d=1000
    e: name=n timestamp=1000
    f: name=n timestamp=1000
    failed: g=1000
    g: name=n timestamp=1000
    ");
}

#[tokio::test]
async fn delayed_jobs_go_if_asked() {
    let fixture = with_a_job_in_every_state().await;
    assert_eq!(fixture.queue.drain(true).await.unwrap(), 4);
    assert_eq!(
        fixture.on("EXISTS", Suffix::Delayed, &[]).await,
        Reply::Int(0)
    );
    assert_eq!(fixture.queue.drain(true).await.unwrap(), 0);
}

#[tokio::test]
async fn the_next_jobs_of_schedulers_stay_wherever_they_are() {
    let fixture = Fixture::new().await;
    for (state, scheduler) in [
        (Suffix::Wait, "a"),
        (Suffix::Prioritized, "b"),
        (Suffix::Delayed, "c"),
    ] {
        let id = format!("repeat:{scheduler}:5000");
        fixture.store_in(state, &id).await;
        fixture.at("HSET", &id, &["rjk", scheduler]).await;
        fixture.put(Suffix::Repeat, scheduler, "5000").await;
    }
    fixture.store_in(Suffix::Wait, "new").await;
    fixture.on("RPUSH", Suffix::Wait, &["old"]).await;
    assert_eq!(fixture.queue.drain(true).await.unwrap(), 2);
    assert_keyspace!(fixture, @"
    delayed: repeat:c:5000=1000
    prioritized: repeat:b:5000=1000
    repeat: a=5000 b=5000 c=5000
    repeat:a:5000: name=n rjk=a timestamp=1000
    repeat:b:5000: name=n rjk=b timestamp=1000
    repeat:c:5000: name=n rjk=c timestamp=1000
    wait: repeat:a:5000
    ");
}

#[tokio::test]
async fn a_parent_in_this_queue_goes_too_and_one_elsewhere_runs_without_a_word() {
    let fixture = Fixture::new().await;
    let elsewhere = fixture.beside();
    for parents in [&fixture, &elsewhere] {
        parents.store_in(Suffix::WaitingChildren, "parent").await;
        parents.at("HSET", "parent", &["deid", "d"]).await;
        parents.at("SET", "de:d", &["parent"]).await;
    }
    for (child, parents) in [("near", &fixture), ("far", &elsewhere)] {
        fixture.store_in(Suffix::Wait, child).await;
        fixture.adopt(child, parents, "parent").await;
    }
    fixture.queue.drain(false).await.unwrap();
    assert_keyspace!(fixture, @"");
    assert_keyspace!(elsewhere, @"
    de:d: parent
    marker: 0=0
    meta: opts.maxLenEvents=10000
    parent: deid=d name=n timestamp=1000
    wait: parent
    ");
}

#[tokio::test]
async fn deduplication_ids_are_let_go() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::Wait, "a").await;
    fixture.at("HSET", "a", &["deid", "d"]).await;
    fixture.at("SET", "de:d", &["a", "PX", "60000"]).await;
    fixture.queue.drain(false).await.unwrap();
    assert_keyspace!(fixture, @"");
}

#[tokio::test]
async fn thousands_of_jobs_go_around_those_that_stay() {
    let fixture = Fixture::new().await;
    for state in [Suffix::Wait, Suffix::Prioritized] {
        fixture.store_many(state, 1200).await;
        let id = format!("repeat:{}:5000", state.as_str());
        fixture.store_in(state, &id).await;
        fixture.at("HSET", &id, &["rjk", state.as_str()]).await;
        fixture.put(Suffix::Repeat, state.as_str(), "5000").await;
        fixture.store_many(state, 2500).await;
    }
    // In the set the second lot are the same members.
    assert_eq!(fixture.queue.drain(false).await.unwrap(), 3700 + 2500);
    assert_keyspace!(fixture, @"
    prioritized: repeat:prioritized:5000=1000
    repeat: prioritized=5000 wait=5000
    repeat:prioritized:5000: name=n rjk=prioritized timestamp=1000
    repeat:wait:5000: name=n rjk=wait timestamp=1000
    wait: repeat:wait:5000
    ");
}
