//! Clauses about jobs that failed for good.

use domain::event::dead_letter::{
    DeadLetter, DeadLetterCount, DeadLetterFilter, DeadLetterId, FailedAttempt, FailedForGood,
    FailedWork, FailureClass, LetterState,
};
use domain::{EventId, PageRequest};

use super::{Adapter, commit, page_by_page, soon};
use crate::builders::{NOW, any_event, at, failed_for_good};

async fn record(store: &dyn Adapter, failure: &FailedForGood) -> DeadLetter {
    let id = commit(store, async |unit| {
        unit.dead_letters().record(failure).await
    })
    .await;
    letter(store, id).await
}

async fn letter(store: &dyn Adapter, id: DeadLetterId) -> DeadLetter {
    let letter = store.dead_letters().by_id(id).await;
    letter.unwrap().expect("it is kept")
}

async fn reconcile(store: &dyn Adapter, failure: &FailedForGood) -> bool {
    commit(store, async |unit| {
        unit.dead_letters().reconcile(failure).await
    })
    .await
}

async fn bring_to(store: &dyn Adapter, letter: &DeadLetter, state: LetterState) -> bool {
    commit(store, async |unit| {
        unit.dead_letters().bring_to(letter, state, at(50)).await
    })
    .await
}

async fn all(store: &dyn Adapter, filter: &DeadLetterFilter) -> Vec<DeadLetter> {
    page_by_page(2, async |page| {
        store.dead_letters().list(filter, page).await
    })
    .await
}

fn later(failure: &FailedForGood, seconds: i64) -> FailedForGood {
    FailedForGood {
        failed_at: at(seconds),
        ..failure.clone()
    }
}

pub async fn keeps_a_failure_as_it_happened(store: &dyn Adapter) {
    let failure = FailedForGood {
        payload: "not even JSON \u{1f98a}".to_owned(),
        event: None,
        history: vec![
            FailedAttempt {
                at: None,
                trace: "Error: one".to_owned(),
            },
            FailedAttempt {
                at: Some(at(3)),
                trace: "Error: two\n    caused by: three".to_owned(),
            },
        ],
        ..failed_for_good("feeds.update", &any_event())
    };
    let kept = record(store, &failure).await;
    assert_eq!(kept.failure, failure);
    assert_eq!(kept.fingerprint, failure.fingerprint());
    assert_eq!(
        (kept.state, kept.original_payload),
        (LetterState::Dead, None)
    );
    let unknown = DeadLetterId::generate(NOW);
    assert_eq!(store.dead_letters().by_id(unknown).await.unwrap(), None);
}

pub async fn keeps_one_letter_for_what_failed(store: &dyn Adapter) {
    let event = any_event();
    let failure = failed_for_good("feeds.update", &event);
    let first = record(store, &failure).await;
    let again = later(&failure, 9);
    let second = record(store, &again).await;
    assert_eq!((first.id, &second.failure), (second.id, &again));
    assert!(second.revision > first.revision);
    let other = record(store, &failed_for_good("analytics.count", &event)).await;
    let everything = all(store, &DeadLetterFilter::default()).await;
    assert_eq!(everything, [second, other]);
}

pub async fn keeps_nothing_that_was_rolled_back(store: &dyn Adapter) {
    let mut unit = store.begin().await.unwrap();
    let failure = failed_for_good("feeds.update", &any_event());
    unit.dead_letters().record(&failure).await.unwrap();
    drop(unit);
    assert_eq!(all(store, &DeadLetterFilter::default()).await, []);
}

pub async fn reconciles_what_is_missing_alone(store: &dyn Adapter) {
    let failure = failed_for_good("feeds.update", &any_event());
    assert!(reconcile(store, &failure).await);
    assert!(!reconcile(store, &later(&failure, 1)).await);
    let letter = all(store, &DeadLetterFilter::default()).await.remove(0);
    assert!(bring_to(store, &letter, LetterState::Discarded).await);
    assert!(
        !reconcile(store, &later(&failure, 99)).await,
        "it was decided on"
    );
    let letter = all(store, &DeadLetterFilter::default()).await.remove(0);
    assert!(bring_to(store, &letter, LetterState::Redriven).await);
    assert!(
        !reconcile(store, &later(&failure, 49)).await,
        "from before the redrive"
    );
    assert!(
        reconcile(store, &later(&failure, 51)).await,
        "it failed again"
    );
    let letter = all(store, &DeadLetterFilter::default()).await.remove(0);
    assert_eq!(letter.state, LetterState::Dead);
}

pub async fn resolves_what_a_handler_has_done_after_all(store: &dyn Adapter) {
    let event = any_event();
    let hers = record(store, &failed_for_good("feeds.update", &event)).await;
    let other = record(store, &failed_for_good("analytics.count", &event)).await;
    let discarded = record(store, &failed_for_good("feeds.update", &any_event())).await;
    assert!(bring_to(store, &discarded, LetterState::Discarded).await);
    let resolve = async |event: EventId| {
        commit(store, async |unit| {
            let letters = unit.dead_letters();
            letters.resolve("feeds.update", event, at(60)).await
        })
        .await;
    };
    resolve(event.id).await;
    resolve(discarded.failure.event.unwrap()).await;
    let resolved = letter(store, hers.id).await;
    assert_eq!(resolved.state, LetterState::Resolved);
    assert_eq!(resolved.changed_at, at(60));
    assert_eq!(letter(store, other.id).await, other);
    let discarded = letter(store, discarded.id).await;
    assert_eq!(discarded.state, LetterState::Discarded);
}

pub async fn edits_a_dead_letter_and_keeps_how_it_was(store: &dyn Adapter) {
    let failure = failed_for_good("", &any_event());
    let first = record(store, &failure).await;
    let other = any_event();
    let edit = async |letter: &DeadLetter, payload: &str| {
        commit(store, async |unit| {
            let letters = unit.dead_letters();
            letters.edit(letter, payload, other.id, at(7)).await
        })
        .await
    };
    assert!(edit(&first, "better").await);
    assert!(!edit(&first, "late").await, "somebody else was faster");
    let better = letter(store, first.id).await;
    assert_eq!(better.failure.payload, "better");
    assert_eq!(better.failure.event, Some(other.id));
    assert!(edit(&better, "best").await);
    let best = letter(store, first.id).await;
    assert_eq!(best.original_payload.as_deref(), Some(&*failure.payload));
    assert!(bring_to(store, &best, LetterState::Redriven).await);
    assert!(!bring_to(store, &best, LetterState::Discarded).await);
    let redriven = letter(store, first.id).await;
    assert!(!edit(&redriven, "gone").await, "it is not dead");
}

pub async fn lists_what_the_filter_lets_through(store: &dyn Adapter) {
    let event = any_event();
    let plain = failed_for_good("feeds.update", &event);
    let with = |change: fn(&mut FailedForGood), seconds| {
        let mut failure = FailedForGood {
            work: FailedWork {
                job: format!("job-{seconds}"),
                ..plain.work.clone()
            },
            failed_at: at(seconds),
            ..plain.clone()
        };
        change(&mut failure);
        failure
    };
    let mut letters = Vec::new();
    for failure in [
        with(|_| {}, 1),
        with(|failure| "events".clone_into(&mut failure.work.queue), 2),
        with(|failure| "other".clone_into(&mut failure.work.handler), 3),
        with(|failure| "Other".clone_into(&mut failure.kind), 4),
        with(|failure| failure.class = FailureClass::Stalled, 5),
        with(
            |failure| "something else".clone_into(&mut failure.reason),
            6,
        ),
    ] {
        letters.push(record(store, &failure).await);
    }
    let none = DeadLetterFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let cases: [(DeadLetterFilter, Vec<usize>); 7] = [
        (none(), vec![5, 4, 3, 2, 1, 0]),
        (
            DeadLetterFilter {
                queue: text("events"),
                ..none()
            },
            vec![1],
        ),
        (
            DeadLetterFilter {
                handler: text("other"),
                ..none()
            },
            vec![2],
        ),
        (
            DeadLetterFilter {
                kind: text("Other"),
                ..none()
            },
            vec![3],
        ),
        (
            DeadLetterFilter {
                class: Some(FailureClass::Stalled),
                ..none()
            },
            vec![4],
        ),
        (
            DeadLetterFilter {
                fingerprint: text(&letters[5].fingerprint),
                ..none()
            },
            vec![5],
        ),
        (
            DeadLetterFilter {
                from: Some(at(2)),
                until: Some(at(4)),
                ..none()
            },
            vec![2, 1],
        ),
    ];
    for (filter, expected) in cases {
        let expected: Vec<_> = expected.into_iter().map(|n| letters[n].clone()).collect();
        assert_eq!(all(store, &filter).await, expected, "{filter:?}");
    }
    assert!(bring_to(store, &letters[3], LetterState::Discarded).await);
    let filter = DeadLetterFilter {
        state: Some(LetterState::Discarded),
        ..none()
    };
    let listed = store.dead_letters().list(&filter, PageRequest::default());
    let listed = listed.await.unwrap().rows;
    assert_eq!(
        listed.iter().map(|l| l.id).collect::<Vec<_>>(),
        [letters[3].id]
    );
}

pub async fn keeps_one_letter_of_two_that_record_at_once(store: &dyn Adapter) {
    let failure = failed_for_good("feeds.update", &any_event());
    let (one, other) = soon(async {
        tokio::join!(
            commit(store, async |unit| {
                let id = unit.dead_letters().record(&failure).await;
                tokio::task::yield_now().await;
                id
            }),
            commit(store, async |unit| unit
                .dead_letters()
                .record(&failure)
                .await),
        )
    })
    .await;
    assert_eq!(one, other);
    let letters = all(store, &DeadLetterFilter::default()).await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].id, letters[0].revision), (one, 2));
}

pub async fn lets_one_of_two_that_reconcile_at_once_keep_it(store: &dyn Adapter) {
    let failure = failed_for_good("feeds.update", &any_event());
    let attempt = || reconcile(store, &failure);
    let kept = soon(async { tokio::join!(attempt(), attempt()) }).await;
    assert!(kept.0 ^ kept.1, "{kept:?}");
    let letters = all(store, &DeadLetterFilter::default()).await;
    assert_eq!((letters.len(), letters[0].revision), (1, 1));
}

pub async fn lets_one_of_two_that_decide_at_once_have_its_way(store: &dyn Adapter) {
    let letter = record(store, &failed_for_good("feeds.update", &any_event())).await;
    let (redriven, discarded) = soon(async {
        tokio::join!(
            bring_to(store, &letter, LetterState::Redriven),
            bring_to(store, &letter, LetterState::Discarded),
        )
    })
    .await;
    assert!(redriven ^ discarded, "{redriven} {discarded}");
    let changed = self::letter(store, letter.id).await;
    let expected = if redriven {
        LetterState::Redriven
    } else {
        LetterState::Discarded
    };
    assert_eq!(
        (changed.state, changed.revision),
        (expected, letter.revision + 1)
    );
}

/// Of two workers that have one job, one fails for good and the other one acts after all.
pub async fn leaves_no_letter_dead_whose_handler_acts_at_the_same_time(store: &dyn Adapter) {
    let handler = "feeds.update";
    for fails_first in [true, false] {
        let event = any_event();
        let failure = failed_for_good(handler, &event);
        let fail = async {
            commit(store, async |unit| {
                let has_acted = !unit.inbox().first_time(handler, event.id, NOW).await?;
                tokio::task::yield_now().await;
                if !has_acted {
                    unit.inbox().forget(handler, event.id).await?;
                    unit.dead_letters().record(&failure).await?;
                }
                Ok(has_acted)
            })
            .await
        };
        let act = async {
            commit(store, async |unit| {
                let is_first = unit.inbox().first_time(handler, event.id, NOW).await?;
                tokio::task::yield_now().await;
                unit.dead_letters().resolve(handler, event.id, NOW).await?;
                Ok(is_first)
            })
            .await
        };
        let is_first = if fails_first {
            soon(async { tokio::join!(biased; fail, act) }).await.1
        } else {
            soon(async { tokio::join!(biased; act, fail) }).await.0
        };
        assert!(is_first, "a failure is no effect");
        let dead = DeadLetterFilter {
            state: Some(LetterState::Dead),
            ..DeadLetterFilter::default()
        };
        assert_eq!(all(store, &dead).await, []);
    }
}

pub async fn keeps_what_no_text_should_hold(store: &dyn Adapter) {
    let failure = FailedForGood {
        payload: "nul \0 payload".to_owned(),
        reason: "found `\0` there".to_owned(),
        event: None,
        ..failed_for_good("", &any_event())
    };
    let kept = record(store, &failure).await;
    assert!(kept.failure.payload.ends_with("payload"));
    assert!(kept.failure.reason.ends_with("there"));
    assert_eq!(kept.fingerprint, failure.fingerprint());
}

pub async fn counts_what_is_dead_by_handler_and_class(store: &dyn Adapter) {
    assert_eq!(store.dead_letters().dead().await.unwrap(), []);
    let kept = async |handler: &str, class| {
        let mut failure = failed_for_good(handler, &any_event());
        failure.class = class;
        record(store, &failure).await
    };
    let redriven = kept("feeds.update", FailureClass::Stalled).await;
    assert!(bring_to(store, &redriven, LetterState::Redriven).await);
    let discarded = kept("feeds.update", FailureClass::Permanent).await;
    assert!(bring_to(store, &discarded, LetterState::Discarded).await);
    for class in [
        FailureClass::Permanent,
        FailureClass::Exhausted,
        FailureClass::Permanent,
    ] {
        kept("feeds.update", class).await;
    }
    kept("", FailureClass::Undecodable).await;
    let mut counts = store.dead_letters().dead().await.unwrap();
    counts.sort();
    let count = |handler: &str, class, letters| DeadLetterCount {
        handler: handler.to_owned(),
        class,
        letters,
    };
    let expected = [
        count("", FailureClass::Undecodable, 1),
        count("feeds.update", FailureClass::Permanent, 2),
        count("feeds.update", FailureClass::Exhausted, 1),
    ];
    assert_eq!(counts, expected);
}
