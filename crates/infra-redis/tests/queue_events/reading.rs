//! Where reading goes on, whatever happens to the connection, the server and the stream.

use std::time::{Duration, Instant};

use infra_redis::engine::{EventCursor, QueueEvent, ReadFrom};
use testkit::program::eventually;
use testkit::valkey::PrivateValkey;

use crate::support::TestQueue;
use crate::{behind_proxy, number, open, publish, told, told_many};

#[tokio::test]
async fn reading_goes_on_behind_a_stored_cursor() {
    let test = TestQueue::new().await;
    for n in 0..10 {
        publish(&test.queue, n).await;
    }
    let mut events = open(&test, ReadFrom::Start).await;
    for n in 0..4 {
        assert_eq!(number(&told(&mut events).await.event), n);
    }
    let stored = told(&mut events).await.cursor.to_string();
    events.stop().await;
    publish(&test.queue, 10).await;

    let cursor: EventCursor = stored.parse().unwrap();
    let mut events = open(&test, ReadFrom::After(cursor)).await;
    publish(&test.queue, 11).await;
    let rest: Vec<_> = told_many(&mut events, 7).await.iter().map(number).collect();
    assert_eq!(rest, [5, 6, 7, 8, 9, 10, 11]);

    let mut latest = open(&test, ReadFrom::Now).await;
    publish(&test.queue, 12).await;
    assert_eq!(number(&told(&mut latest).await.event), 12);
}

#[tokio::test]
async fn nothing_is_lost_or_told_twice_when_connections_are_cut() {
    let (proxy, proxied, direct) = behind_proxy().await;
    let queue = &direct.queue;
    let mut events = open(&proxied, ReadFrom::Now).await;
    // The first cut comes before anything was told at all.
    proxy.cut();
    for n in 0..200 {
        publish(queue, n).await;
        if n % 20 == 0 {
            proxy.cut();
        }
        assert_eq!(number(&told(&mut events).await.event), n);
    }
    for n in 200..1500 {
        publish(queue, n).await;
        if n % 200 == 0 {
            proxy.cut();
        }
    }
    for n in 200..1500 {
        assert_eq!(number(&told(&mut events).await.event), n);
    }
    events.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_or_told_twice_when_valkey_is_started_again() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&valkey.url()).await;
    let mut events = open(&test, ReadFrom::Now).await;
    for n in 0..5 {
        publish(&test.queue, n).await;
    }
    for n in 0..3 {
        assert_eq!(number(&told(&mut events).await.event), n);
    }
    valkey.kill().await.unwrap();
    valkey.restart().await.unwrap();
    for n in 5..8 {
        let number = n.to_string();
        eventually("the connection to come back", || async {
            let fields = [("n", number.as_str())];
            let published = test.queue.publish_event("numbered", &fields, None);
            published.await.ok()
        })
        .await;
    }
    for n in 3..8 {
        assert_eq!(number(&told(&mut events).await.event), n);
    }
    events.stop().await;
}

#[tokio::test]
async fn a_cursor_that_is_no_longer_kept_is_told_as_a_gap() {
    let test = TestQueue::new().await;
    let first = publish(&test.queue, 0).await;
    for n in 1..10 {
        publish(&test.queue, n).await;
    }
    test.on("XTRIM", "events", &["MAXLEN", "3"]).await;
    let mut events = open(&test, ReadFrom::After(first)).await;
    let gap = told(&mut events).await;
    let seven = told(&mut events).await;
    let next = Some(seven.cursor);
    assert_eq!(gap.event, QueueEvent::Gap { next });
    assert_eq!(gap.cursor, first, "whoever resumes there is told again");
    assert_eq!(number(&seven.event), 7);
    assert_eq!(number(&told(&mut events).await.event), 8);

    // Nothing was missed by those who start with what there is.
    let mut oldest = open(&test, ReadFrom::Start).await;
    assert_eq!(number(&told(&mut oldest).await.event), 7);
}

#[tokio::test]
async fn a_reader_that_is_overtaken_is_told_of_one_gap() {
    let test = TestQueue::new().await;
    let mut events = open(&test, ReadFrom::Now).await;
    for n in 0..1000 {
        publish(&test.queue, n).await;
    }
    // The consumer has taken nothing yet, so that the reader can't have read all.
    test.on("XTRIM", "events", &["MAXLEN", "10"]).await;
    let (mut numbers, mut gaps) = (Vec::new(), 0);
    while numbers.last() != Some(&999) {
        match told(&mut events).await.event {
            QueueEvent::Gap { next } => {
                assert!(next.is_some());
                gaps += 1;
            }
            event => numbers.push(number(&event)),
        }
    }
    assert_eq!(gaps, 1);
    let (before, after) = numbers.split_at(numbers.len() - 10);
    assert_eq!(before, (0..before.len()).collect::<Vec<_>>());
    assert_eq!(after, (990..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_that_is_gone_is_a_gap_and_its_successor_is_read() {
    let test = TestQueue::new().await;
    // As if the server's clock had been far ahead.
    let ahead: EventCursor = "9000000000000-7".parse().unwrap();
    let mut events = open(&test, ReadFrom::After(ahead)).await;
    let gap = told(&mut events).await.event;
    assert_eq!(gap, QueueEvent::Gap { next: None });
    events.stop().await;

    publish(&test.queue, 0).await;
    let mut events = open(&test, ReadFrom::After(ahead)).await;
    let gap = told(&mut events).await.event;
    assert_eq!(gap, QueueEvent::Gap { next: None });
    assert_eq!(number(&told(&mut events).await.event), 0);
    publish(&test.queue, 1).await;
    assert_eq!(number(&told(&mut events).await.event), 1);
}

#[tokio::test]
async fn a_reader_stops_at_once() {
    let test = TestQueue::new().await;
    for _ in 0..5 {
        let events = open(&test, ReadFrom::Now).await;
        let started = Instant::now();
        events.stop().await;
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_reader_that_is_full_stops_at_once() {
    let test = TestQueue::new().await;
    let mut events = open(&test, ReadFrom::Now).await;
    for n in 0..600 {
        publish(&test.queue, n).await;
    }
    told(&mut events).await;
    let started = Instant::now();
    events.stop().await;
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_reader_stops_also_when_the_network_swallows_everything() {
    let (proxy, proxied, _) = behind_proxy().await;
    let events = open(&proxied, ReadFrom::Now).await;
    proxy.freeze();
    let stopped = tokio::time::timeout(Duration::from_secs(8), events.stop());
    stopped.await.expect("the reader to stop");
}
