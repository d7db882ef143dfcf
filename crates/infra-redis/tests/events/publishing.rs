//! From the publisher into the queues.

use application::queues::{QueueName, route};
use domain::cards::{Card, CardContent, CardTitle};
use domain::curators::events::CuratorRegistered;
use domain::curators::{CuratorId, Follow};
use domain::event::publisher::{PublishError, Retry};
use domain::{DomainEvent, EventEnvelope, EventKind, EventPublisher};
use infra_redis::engine::Reply;
use serde_json::{Value, json};
use testkit::builders::{NOW, any_event, curator, envelope, event_about, link};
use testkit::program::eventually;
use testkit::valkey::PrivateValkey;

use crate::installation::{Installation, id_of};

/// One event of each kind.
fn one_of_each() -> Vec<EventEnvelope> {
    let (ada, bob) = (curator(), curator());
    let content = CardContent::Url {
        link: link("https://example.org/a?b=%20&c='\"</script>"),
        title: Some(CardTitle::parse("Ünïcode, \"quotes\" \\ and 日本 \u{2028} 🦊").unwrap()),
        note: None,
    };
    let (card, added) = Card::save(ada.id, content, NOW);
    let registered = CuratorRegistered {
        curator_id: ada.id,
        handle: ada.handle.clone(),
    };
    let followed = Follow::start(bob.id, ada.id, NOW).unwrap().1;
    let events = [
        DomainEvent::from(registered),
        followed,
        Follow::end(bob.id, ada.id),
        added,
        card.remove(),
    ];
    let envelopes: Vec<_> = events.into_iter().map(envelope).collect();
    for kind in EventKind::ALL {
        let is_there = envelopes.iter().any(|event| event.kind() == *kind);
        assert!(is_there, "there is no {kind} among them");
    }
    envelopes
}

/// The options of a job in a queue with the defaults.
fn default_options(queue: QueueName, event: &EventEnvelope) -> Value {
    let (attempts, delay, priority, completed, failed) = match queue {
        QueueName::Notifications => (5, 1000, 1, 100, 50),
        QueueName::Feeds | QueueName::Analytics | QueueName::Events => (3, 2000, 2, 50, 25),
    };
    json!({
        "attempts": attempts,
        "backoff": {"type": "exponential", "delay": delay},
        "priority": priority,
        "jobId": id_of(event),
        "removeOnComplete": completed,
        "removeOnFail": failed,
    })
}

#[tokio::test]
async fn each_kind_of_event_lands_in_the_queues_of_its_route_and_in_no_other() {
    let installation = Installation::new().await;
    let events = one_of_each();
    installation.publish(&events).await;
    for queue in QueueName::ALL {
        let mut expected = 0;
        for event in &events {
            let job = installation.job(queue, event).await;
            let is_routed = route(event.kind()).contains(&queue);
            assert_eq!(job.is_some(), is_routed, "{} in `{queue}`", event.kind());
            let Some(job) = job else { continue };
            expected += 1;
            assert_eq!(job.name, event.kind().as_str());
            assert_eq!(job.data, event.to_json(), "byte for byte");
            assert_eq!(EventEnvelope::from_json(&job.data).unwrap(), *event);
            let options: Value = serde_json::from_str(&job.options).unwrap();
            assert_eq!(options, default_options(queue, event));
            assert_eq!((job.attempts_made, job.attempts_started), (0, 0));
        }
        let counts = installation.queue(queue).counts().await.unwrap();
        assert_eq!((counts.prioritized, counts.waiting), (expected, 0));
    }
}

#[tokio::test]
async fn jobs_are_added_with_what_their_queue_is_set_to() {
    let installation = Installation::set_to(&[
        "analytics.priority=0",
        "analytics.attempts=7",
        "analytics.backoff=250ms",
        "analytics.keep-completed=0",
        "analytics.keep-failed=9",
    ])
    .await;
    let event = any_event();
    installation.publish(std::slice::from_ref(&event)).await;
    let options = async |queue| {
        let job = installation.job(queue, &event).await.unwrap();
        serde_json::from_str::<Value>(&job.options).unwrap()
    };
    let expected = json!({
        "attempts": 7,
        "backoff": {"type": "exponential", "delay": 250},
        "jobId": id_of(&event),
        "removeOnComplete": true,
        "removeOnFail": 9,
    });
    assert_eq!(options(QueueName::Analytics).await, expected);
    let untouched = default_options(QueueName::Feeds, &event);
    assert_eq!(options(QueueName::Feeds).await, untouched);
    // Without a priority it runs before all that have one.
    let counts = installation.queue(QueueName::Analytics).counts().await;
    assert_eq!(counts.unwrap().waiting, 1);
}

#[tokio::test]
async fn events_wait_in_the_order_in_which_they_were_published() {
    let installation = Installation::new().await;
    let ada = CuratorId::generate(NOW);
    // More than one script call adds.
    let events: Vec<_> = (0..150).map(|_| event_about(ada)).collect();
    installation.publish(&events[..20]).await;
    installation.publish(&events[20..]).await;
    let waiting = installation.on("ZRANGE", "prioritized", &["0", "-1"]).await;
    let published = events.iter().map(|event| Reply::Text(id_of(event)));
    assert_eq!(waiting, Reply::List(published.collect()));
}

#[tokio::test]
async fn publishing_again_adds_nothing_and_changes_nothing() {
    let installation = Installation::new().await;
    let events = one_of_each();
    installation.publish(&events).await;
    let jobs = async || {
        let mut jobs = Vec::new();
        for queue in QueueName::ALL {
            jobs.push(
                installation
                    .queue(queue)
                    .counts()
                    .await
                    .unwrap()
                    .prioritized,
            );
        }
        let first = installation.job(QueueName::Feeds, &events[1]).await;
        (jobs, first.unwrap())
    };
    let before = jobs().await;
    installation.publish(&events).await;
    installation
        .publish(&[events.clone(), events.clone()].concat())
        .await;
    assert_eq!(jobs().await, before);
    // An event in front of which others are known is still added.
    let new = any_event();
    installation
        .publish(&[events[1].clone(), new.clone()])
        .await;
    assert!(installation.job(QueueName::Feeds, &new).await.is_some());
}

#[tokio::test]
async fn nothing_to_publish_is_published_at_once() {
    let installation = Installation::new().await;
    installation.publish(&[]).await;
    for queue in QueueName::ALL {
        let counts = installation.queue(queue).counts().await.unwrap();
        assert_eq!(counts.prioritized, 0);
    }
}

#[tokio::test]
async fn while_valkey_is_away_events_are_not_published_and_once_it_is_back_they_are() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let installation = Installation::at(&valkey.url(), &[]).await;
    let events = one_of_each();
    installation.publish(&events[..1]).await;
    valkey.kill().await.unwrap();
    // The second is sent when the first has not been given up yet.
    let publish = || installation.publisher.publish(&events);
    let (first, second) = tokio::join!(publish(), publish());
    for away in [first, second] {
        assert!(
            matches!(away, Err(PublishError::Unavailable(_))),
            "{away:?}"
        );
    }
    valkey.restart().await.unwrap();
    eventually("the events to be published", || async {
        installation.publisher.publish(&events).await.ok()
    })
    .await;
    for event in &events {
        for queue in route(event.kind()) {
            let job = installation.job(*queue, event).await;
            assert!(job.is_some(), "{} in `{queue}`", event.kind());
        }
    }
    let counts = installation.queue(QueueName::Events).counts().await;
    assert_eq!(counts.unwrap().prioritized, 1, "that from before, once");
}

#[tokio::test]
async fn one_event_that_valkey_refuses_is_named_and_keeps_no_other_from_its_queues() {
    let installation = Installation::new().await;
    let ada = curator();
    let registered = envelope(CuratorRegistered {
        curator_id: ada.id,
        handle: ada.handle.clone(),
    });
    let others = [any_event(), any_event()];
    // The queue's counter is none.
    let events = installation.id(QueueName::Events);
    let key = format!("{events}:id");
    installation.command("SET", &[&key, "not a number"]).await;

    let batch = [
        &others[..1],
        std::slice::from_ref(&registered),
        &others[1..],
    ]
    .concat();
    let published = installation.publisher.publish(&batch).await;
    let Err(PublishError::Refused(refusals)) = published else {
        panic!("not refused: {published:?}");
    };
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_eq!(
        (refusals[0].event, refusals[0].retry),
        (registered.id, Retry::Later)
    );
    assert!(
        refusals[0].reason.contains("not an integer"),
        "{refusals:?}"
    );
    for event in &others {
        for queue in route(event.kind()) {
            assert!(installation.job(*queue, event).await.is_some(), "{queue}");
        }
    }

    // Where nothing at all can be added, each event's own turn does not come.
    let both = [registered.clone(), registered.clone()];
    let published = installation.publisher.publish(&both).await;
    assert!(
        matches!(published, Err(PublishError::Unavailable(_))),
        "{published:?}"
    );

    installation.command("DEL", &[&key]).await;
    installation
        .publish(std::slice::from_ref(&registered))
        .await;
    assert!(
        installation
            .job(QueueName::Events, &registered)
            .await
            .is_some()
    );
}

#[tokio::test]
async fn nothing_overtakes_a_refused_event_of_the_same_subject() {
    let installation = Installation::new().await;
    let (ada, bob) = (curator(), curator());
    let registered = envelope(CuratorRegistered {
        curator_id: bob.id,
        handle: bob.handle.clone(),
    });
    let followed = envelope(Follow::start(ada.id, bob.id, NOW).unwrap().1);
    assert_eq!(registered.event.subject(), followed.event.subject());
    let events = installation.id(QueueName::Events);
    let key = format!("{events}:id");
    installation.command("SET", &[&key, "not a number"]).await;

    let batch = [registered.clone(), followed.clone(), any_event()];
    let published = installation.publisher.publish(&batch).await;
    let Err(PublishError::Refused(refusals)) = published else {
        panic!("not refused: {published:?}");
    };
    let refused: Vec<_> = refusals.iter().map(|refusal| refusal.event).collect();
    assert_eq!(refused, [registered.id, followed.id]);
    assert!(
        installation
            .job(QueueName::Feeds, &followed)
            .await
            .is_none()
    );
}
