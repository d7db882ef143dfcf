use super::setup::told;
use super::*;

#[tokio::test]
async fn a_job_goes_with_all_its_keys_and_tells_where_it_was() {
    let fixture = Fixture::new().await;
    for (state, id) in [
        (Suffix::Completed, "a"),
        (Suffix::WaitingChildren, "b"),
        (Suffix::Delayed, "c"),
        (Suffix::Failed, "d"),
        (Suffix::Prioritized, "e"),
        (Suffix::Wait, "f"),
        (Suffix::Paused, "g"),
        (Suffix::Active, "h"),
    ] {
        fixture.store_in(state, id).await;
        fixture.at("RPUSH", &format!("{id}:logs"), &["line"]).await;
        fixture.queue.remove(id, true).await.unwrap();
    }
    fixture.store("i").await;
    fixture.queue.remove("i", false).await.unwrap();
    assert_keyspace!(fixture, @"
    events: 
      event=removed jobId=a prev=completed
      event=removed jobId=b prev=waiting-children
      event=removed jobId=c prev=delayed
      event=removed jobId=d prev=failed
      event=removed jobId=e prev=prioritized
      event=removed jobId=f prev=wait
      event=removed jobId=g prev=paused
      event=removed jobId=h prev=active
      event=removed jobId=i prev=unknown
    meta: opts.maxLenEvents=10000
    ");
}

#[tokio::test]
async fn to_remove_what_is_not_there_is_no_error_and_no_event() {
    let fixture = Fixture::new().await;
    fixture.queue.remove("gone", true).await.unwrap();
    fixture.put(Suffix::Wait, "ghost", "").await;
    fixture.queue.remove("ghost", true).await.unwrap();
    assert_keyspace!(fixture, @"");
}

#[tokio::test]
async fn a_job_that_a_worker_holds_stays() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["token"]).await;
    let before = fixture.keyspace().await;
    assert_eq!(
        told(fixture.queue.remove("1", false).await),
        "Job 1 could not be removed because it is locked by another worker"
    );
    assert_eq!(fixture.keyspace().await, before);
}

#[tokio::test]
async fn the_next_job_of_a_scheduler_stays_and_another_one_of_it_goes() {
    let fixture = Fixture::new().await;
    for id in ["repeat:tick:5000", "repeat:tick:4000"] {
        fixture.store_in(Suffix::Delayed, id).await;
        fixture.at("HSET", id, &["rjk", "tick"]).await;
    }
    fixture.put(Suffix::Repeat, "tick", "5000").await;
    assert_eq!(
        told(fixture.queue.remove("repeat:tick:5000", true).await),
        "Job repeat:tick:5000 belongs to a job scheduler and cannot be removed directly. removeJob"
    );
    fixture
        .queue
        .remove("repeat:tick:4000", true)
        .await
        .unwrap();
    // Nobody waits for the job of a scheduler that is gone.
    fixture.on("DEL", Suffix::Repeat, &[]).await;
    fixture
        .queue
        .remove("repeat:tick:5000", true)
        .await
        .unwrap();
    assert_eq!(
        fixture.events().await,
        [
            "event=removed jobId=repeat:tick:4000 prev=delayed",
            "event=removed jobId=repeat:tick:5000 prev=delayed"
        ]
    );
}

#[tokio::test]
async fn a_deduplication_id_is_let_go_by_the_job_that_holds_it() {
    let fixture = Fixture::new().await;
    for id in ["owner", "other"] {
        fixture.store_in(Suffix::Wait, id).await;
        fixture.at("HSET", id, &["deid", "d"]).await;
    }
    fixture.at("SET", "de:d", &["owner", "PX", "60000"]).await;
    fixture.at("HSET", "dn:d", &["name", "next"]).await;
    fixture.queue.remove("other", false).await.unwrap();
    assert_eq!(
        fixture.lines("d").await,
        "de:d (60s): owner\ndn:d: name=next"
    );
    fixture.queue.remove("owner", false).await.unwrap();
    assert_eq!(fixture.lines("d").await, "");
}

#[tokio::test]
async fn a_parent_runs_once_the_last_child_it_waits_for_is_removed() {
    let fixture = Fixture::new().await;
    // Neither its priority nor its delay count on this way.
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    fixture
        .at("HSET", "parent", &["priority", "3", "delay", "9000"])
        .await;
    for child in ["one", "two"] {
        fixture.store_in(Suffix::Wait, child).await;
        fixture.adopt(child, &fixture, "parent").await;
    }
    fixture.queue.remove("one", true).await.unwrap();
    fixture.queue.remove("two", true).await.unwrap();
    assert_keyspace!(fixture, @"
    events: 
      event=removed jobId=one prev=wait
      event=waiting jobId=parent prev=waiting-children
      event=removed jobId=two prev=wait
    marker: 0=0
    meta: opts.maxLenEvents=10000
    parent: delay=9000 name=n priority=3 timestamp=1000
    wait: parent
    ");
}

#[tokio::test]
async fn a_parent_in_another_queue_is_told_there() {
    let fixture = Fixture::new().await;
    let parents = fixture.beside();
    parents.store_in(Suffix::WaitingChildren, "parent").await;
    fixture.store_in(Suffix::Delayed, "child").await;
    fixture.adopt("child", &parents, "parent").await;
    fixture.queue.remove("child", true).await.unwrap();
    assert_keyspace!(fixture, @"
    events: 
      event=removed jobId=child prev=delayed
    meta: opts.maxLenEvents=10000
    ");
    assert_keyspace!(parents, @"
    events: 
      event=waiting jobId=parent prev=waiting-children
    marker: 0=0
    meta: opts.maxLenEvents=10000
    parent: name=n timestamp=1000
    wait: parent
    ");
}

/// A parent, a child in every place, and a grandchild; ids may hold colons.
async fn family(fixture: &Fixture, elsewhere: &Fixture) {
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    elsewhere
        .at("HSET", "meta", &["opts.maxLenEvents", "50"])
        .await;
    fixture
        .at("HSET", "meta", &["opts.maxLenEvents", "50"])
        .await;
    for (child, state, place) in [
        ("done", Suffix::Completed, "processed"),
        ("ignored", Suffix::Failed, "failed"),
    ] {
        fixture.store_in(state, child).await;
        fixture.adopt(child, fixture, "parent").await;
        let key = fixture.keys.job(child);
        fixture.at("SREM", "parent:dependencies", &[&key]).await;
        fixture
            .at("HSET", &format!("parent:{place}"), &[&key, "1"])
            .await;
    }
    fixture.store_in(Suffix::Failed, "broken").await;
    let broken = fixture.keys.job("broken");
    fixture
        .at("ZADD", "parent:unsuccessful", &["5", &broken])
        .await;
    elsewhere.store_in(Suffix::WaitingChildren, "a:b:c").await;
    elsewhere.adopt("a:b:c", fixture, "parent").await;
    fixture.store_in(Suffix::Prioritized, "grandchild").await;
    fixture.adopt("grandchild", elsewhere, "a:b:c").await;
}

#[tokio::test]
async fn with_children_the_whole_tree_goes_and_nothing_is_released() {
    let fixture = Fixture::new().await;
    let elsewhere = fixture.beside();
    family(&fixture, &elsewhere).await;
    fixture.queue.remove("parent", true).await.unwrap();
    assert_keyspace!(fixture, @"
    events: 
      event=removed jobId=done prev=completed
      event=removed jobId=ignored prev=failed
      event=removed jobId=broken prev=failed
      event=removed jobId=grandchild prev=prioritized
      event=removed jobId=parent prev=waiting-children
    meta: opts.maxLenEvents=50
    ");
    assert_keyspace!(elsewhere, @"
    events: 
      event=removed jobId=a:b:c prev=waiting-children
    meta: opts.maxLenEvents=50
    ");
}

#[tokio::test]
async fn without_children_they_stay() {
    let fixture = Fixture::new().await;
    let elsewhere = fixture.beside();
    family(&fixture, &elsewhere).await;
    fixture.queue.remove("parent", false).await.unwrap();
    assert_eq!(
        fixture.events().await,
        ["event=removed jobId=parent prev=waiting-children"]
    );
    for child in ["done", "ignored", "broken", "grandchild"] {
        assert_eq!(fixture.at("EXISTS", child, &[]).await, Reply::Int(1));
    }
}

#[tokio::test]
async fn a_tree_of_which_a_worker_holds_a_job_stays_whole() {
    let fixture = Fixture::new().await;
    let elsewhere = fixture.beside();
    family(&fixture, &elsewhere).await;
    fixture.at("SET", "grandchild:lock", &["token"]).await;
    let before = fixture.keyspace().await;
    assert_eq!(
        told(fixture.queue.remove("parent", true).await),
        "Job parent could not be removed because it is locked by another worker"
    );
    assert_eq!(fixture.keyspace().await, before);
    fixture.queue.remove("parent", false).await.unwrap();
}

#[tokio::test]
async fn a_tree_too_big_for_one_call_goes_in_parts_and_is_never_released() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    for n in 0..5 {
        let child = format!("child-{n}");
        fixture.store_in(Suffix::Wait, &child).await;
        fixture.adopt(&child, &fixture, "parent").await;
    }
    let remove = |is_first| ["parent", "1", "2", is_first];
    let script = &scripts::REMOVE_JOB;
    assert_eq!(fixture.call(script, remove("1")).await, Reply::Int(2));
    assert_eq!(
        fixture.at("SCARD", "parent:dependencies", &[]).await,
        Reply::Int(3)
    );
    assert_eq!(
        fixture.lines("waiting-children").await,
        "waiting-children: parent=1000"
    );
    assert_eq!(fixture.call(script, remove("0")).await, Reply::Int(2));
    // The last child and the parent.
    assert_eq!(fixture.call(script, remove("0")).await, Reply::Int(1));
    let events = fixture.events().await;
    assert_eq!(events.len(), 6);
    assert!(
        events
            .iter()
            .all(|event| event.starts_with("event=removed"))
    );
    assert_eq!(
        fixture
            .lines("")
            .await
            .lines()
            .filter(|line| !line.starts_with(' '))
            .count(),
        2,
        "only the events and the settings are left"
    );
}

#[tokio::test]
async fn a_big_tree_is_removed_by_one_call_of_the_method() {
    let fixture = Fixture::new().await;
    fixture.store_in(Suffix::WaitingChildren, "parent").await;
    fixture.store_many(Suffix::Wait, 1500).await;
    for n in 0..1500 {
        fixture.adopt(&format!("job-{n}"), &fixture, "parent").await;
    }
    fixture.queue.remove("parent", true).await.unwrap();
    assert_eq!(fixture.on("LLEN", Suffix::Wait, &[]).await, Reply::Int(0));
    assert_eq!(fixture.at("EXISTS", "parent", &[]).await, Reply::Int(0));
    assert_eq!(fixture.at("EXISTS", "job-1499", &[]).await, Reply::Int(0));
}
