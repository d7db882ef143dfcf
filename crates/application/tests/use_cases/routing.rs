//! Which handlers an event reaches by way of the queues.

use std::collections::BTreeSet;

use application::handlers_of;
use application::queues::{QueueName, route};
use domain::EventKind;

#[test]
fn every_event_reaches_each_handler_that_it_concerns_by_exactly_one_queue() {
    let concerned = |queue: QueueName, kind: EventKind| {
        let handlers = handlers_of(queue).into_iter();
        handlers
            .filter(move |handler| handler.reacts_to(kind))
            .map(|handler| handler.name())
    };
    for kind in EventKind::ALL {
        let mut reached: Vec<_> = route(*kind)
            .iter()
            .flat_map(|queue| concerned(*queue, *kind))
            .collect();
        reached.sort_unstable();
        let wanted: BTreeSet<_> = QueueName::ALL
            .into_iter()
            .flat_map(|queue| concerned(queue, *kind))
            .collect();
        assert_eq!(reached, Vec::from_iter(wanted), "{kind}");
    }
}

#[test]
fn no_event_goes_to_a_queue_where_nobody_acts_on_it() {
    for kind in EventKind::ALL {
        for queue in route(*kind) {
            let is_wanted = handlers_of(*queue)
                .iter()
                .any(|handler| handler.reacts_to(*kind));
            assert!(is_wanted, "{kind} in `{queue}`");
        }
    }
}
