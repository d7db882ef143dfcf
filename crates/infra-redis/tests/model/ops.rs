//! What may happen to a queue. Jobs are named by small numbers, which pick among those that exist,
//! so that a sequence still means something when parts of it are left out.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::working::Outcome;
use crate::engine::options::ChildFailure;

/// Picks a job: among those that the operation is for while there are any, else among all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pick {
    pub(super) number: usize,
    pub(super) is_wild: bool,
}

#[derive(Debug, Clone)]
pub(super) struct AddSpec {
    /// Which of a few ids of one's own.
    pub(super) id: Option<u8>,
    pub(super) delay: u64,
    pub(super) priority: u32,
    pub(super) lifo: bool,
    pub(super) parent: Option<usize>,
    pub(super) on_failure: ChildFailure,
    pub(super) deduplication: Option<DeduplicationSpec>,
}

#[derive(Debug, Clone)]
pub(super) struct DeduplicationSpec {
    pub(super) id: u8,
    pub(super) ttl: Option<u64>,
    /// Bits: extend, replace, keep last, reschedule.
    pub(super) flags: u8,
}

#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) job: Pick,
    pub(super) has_token: bool,
    pub(super) outcome: Outcome,
    pub(super) attempts: u64,
    pub(super) keep: (i64, i64, usize),
}

#[derive(Debug, Clone)]
pub(super) enum Op {
    Add {
        queue: usize,
        jobs: Vec<AddSpec>,
    },
    AddFlow {
        queue: usize,
        parent: AddSpec,
        children: Vec<(usize, AddSpec)>,
    },
    Advance {
        millis: u64,
    },
    Work {
        queue: usize,
        ends: Vec<End>,
        claims: usize,
        limit: Option<(u64, u64)>,
        is_named: bool,
        /// Whether the answer is lost and the claim is made again.
        is_repeated: bool,
    },
    Sleep {
        queue: usize,
    },
    Pause {
        queue: usize,
    },
    PutAside {
        queue: usize,
    },
    Resume {
        queue: usize,
    },
    Concurrency {
        queue: usize,
        most: Option<usize>,
    },
    RateLimit {
        queue: usize,
        limit: Option<(u64, u64)>,
    },
    Promote {
        queue: usize,
        job: Pick,
    },
    PromoteAll {
        queue: usize,
    },
    Remove {
        queue: usize,
        job: Pick,
        with_children: bool,
    },
    RemoveUnprocessedChildren {
        queue: usize,
        job: Pick,
    },
    RemoveChildDependency {
        queue: usize,
        job: Pick,
    },
    Retry {
        queue: usize,
        job: Pick,
        has_failed: bool,
        reset: (bool, bool),
    },
    RetryAll {
        queue: usize,
        has_failed: bool,
        ago: u64,
    },
    ChangePriority {
        queue: usize,
        job: Pick,
        priority: u32,
        is_first: bool,
    },
    ChangeDelay {
        queue: usize,
        job: Pick,
        delay: u64,
    },
    Drain {
        queue: usize,
        with_delayed: bool,
    },
    Clean {
        queue: usize,
        state: usize,
        grace: u64,
        most: usize,
    },
    Obliterate {
        queue: usize,
        is_forced: bool,
    },
    UpdateData {
        queue: usize,
        job: Pick,
    },
    UpdateProgress {
        queue: usize,
        job: Pick,
    },
    AddLog {
        queue: usize,
        job: Pick,
        keep: usize,
    },
    ExtendLocks {
        queue: usize,
        jobs: Vec<(Pick, bool)>,
    },
    /// A worker is gone, and nobody looks for long enough to see it.
    Crash {
        queue: usize,
        job: Pick,
        allowed: u64,
    },
    /// Somebody deletes a job's hash, and nothing else.
    LoseJob {
        queue: usize,
        job: Pick,
    },
    LoseLock {
        queue: usize,
        job: Pick,
    },
    RecoverStalled {
        queue: usize,
        is_due: bool,
        allowed: u64,
    },
    ReleaseDeduplication {
        queue: usize,
        job: Pick,
    },
}

fn queue() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0_usize), 1 => Just(1)]
}

fn pick() -> impl Strategy<Value = Pick> {
    (0..8_usize, prop::bool::weighted(0.15)).prop_map(|(number, is_wild)| Pick { number, is_wild })
}

/// Few delays, so that jobs are due in the same millisecond.
fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![Just(1), Just(1000), Just(60_000), Just(3_600_000)]
}

fn no_delay_mostly() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0), 1 => delay()]
}

fn priority() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(2_097_151)]
}

/// Longer than a case takes: Valkey's own clock must not end a window.
fn window() -> impl Strategy<Value = u64> {
    prop_oneof![Just(300_000), Just(1_800_000)]
}

fn limit() -> impl Strategy<Value = Option<(u64, u64)>> {
    option::weighted(0.2, (1..4_u64, window()))
}

fn on_failure() -> impl Strategy<Value = ChildFailure> {
    use ChildFailure::{ContinueParent, FailParent, Hold, Ignore, Remove};
    prop::sample::select(vec![Hold, FailParent, ContinueParent, Ignore, Remove])
}

fn deduplication() -> impl Strategy<Value = DeduplicationSpec> {
    (0..2_u8, option::of(window()), 0..16_u8).prop_map(|(id, ttl, flags)| DeduplicationSpec {
        id,
        ttl,
        flags,
    })
}

fn add_spec() -> impl Strategy<Value = AddSpec> {
    (
        option::weighted(0.35, 0..3_u8),
        no_delay_mostly(),
        priority(),
        prop::bool::weighted(0.2),
        option::weighted(0.15, 0..4_usize),
        on_failure(),
        option::weighted(0.35, deduplication()),
    )
        .prop_map(
            |(id, delay, priority, lifo, parent, on_failure, deduplication)| AddSpec {
                id,
                delay,
                priority,
                lifo,
                parent,
                on_failure,
                deduplication,
            },
        )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Completed),
        5 => Just(Outcome::Failed),
        2 => any::<bool>().prop_map(|lifo| Outcome::Retry { lifo }),
        2 => (delay(), any::<bool>())
            .prop_map(|(millis, is_attempt)| Outcome::Delay { millis, is_attempt }),
        1 => Just(Outcome::Release),
        1 => Just(Outcome::WaitForChildren),
        1 => window().prop_map(|millis| Outcome::Limit { millis }),
    ]
}

fn keep() -> impl Strategy<Value = (i64, i64, usize)> {
    prop_oneof![
        6 => Just((-1, -1, 1000)),
        1 => Just((0, -1, 1000)),
        2 => (1..3_i64).prop_map(|count| (count, -1, 1000)),
        1 => (prop_oneof![Just(-1_i64), Just(2)], 0..120_i64, 1..3_usize),
    ]
}

fn end() -> impl Strategy<Value = End> {
    (
        pick(),
        prop::bool::weighted(0.9),
        outcome(),
        1..3_u64,
        keep(),
    )
        .prop_map(|(job, has_token, outcome, attempts, keep)| End {
            job,
            has_token,
            outcome,
            attempts,
            keep,
        })
}

/// A sequence of operations.
pub(super) fn ops() -> impl Strategy<Value = Vec<Op>> {
    vec(
        prop_oneof![20 => adding(), 45 => working(), 18 => on_a_job(), 7 => on_a_queue()],
        1..80,
    )
}

fn adding() -> impl Strategy<Value = Op> {
    let child = (queue(), add_spec());
    prop_oneof![
        5 => (queue(), vec(add_spec(), 1..3)).prop_map(|(queue, jobs)| Op::Add { queue, jobs }),
        2 => (queue(), add_spec(), vec(child, 1..4))
            .prop_map(|(queue, parent, children)| Op::AddFlow { queue, parent, children }),
    ]
}

fn working() -> impl Strategy<Value = Op> {
    let millis = prop_oneof![
        Just(1),
        Just(1000),
        Just(60_000),
        Just(700_000),
        Just(3_600_000)
    ];
    let work = (
        queue(),
        vec(end(), 0..3),
        0..4_usize,
        limit(),
        any::<bool>(),
        prop::bool::weighted(0.05),
    );
    prop_oneof![
        5 => millis.prop_map(|millis| Op::Advance { millis }),
        18 => work.prop_map(|(queue, ends, claims, limit, is_named, is_repeated)|
            Op::Work { queue, ends, claims, limit, is_named, is_repeated }),
        3 => queue().prop_map(|queue| Op::Sleep { queue }),
        1 => (queue(), pick()).prop_map(|(queue, job)| Op::LoseLock { queue, job }),
        1 => (queue(), pick()).prop_map(|(queue, job)| Op::LoseJob { queue, job }),
        3 => (queue(), pick(), 0..2_u64)
            .prop_map(|(queue, job, allowed)| Op::Crash { queue, job, allowed }),
        1 => (queue(), vec((pick(), prop::bool::weighted(0.8)), 1..3))
            .prop_map(|(queue, jobs)| Op::ExtendLocks { queue, jobs }),
        2 => (queue(), prop::bool::weighted(0.9), 0..2_u64)
            .prop_map(|(queue, is_due, allowed)| Op::RecoverStalled { queue, is_due, allowed }),
    ]
}

fn on_a_job() -> impl Strategy<Value = Op> {
    let job = || (queue(), pick());
    let reset = || (any::<bool>(), any::<bool>());
    prop_oneof![
        3 => job().prop_map(|(queue, job)| Op::Promote { queue, job }),
        3 => (job(), any::<bool>()).prop_map(|((queue, job), with_children)|
            Op::Remove { queue, job, with_children }),
        1 => job().prop_map(|(queue, job)| Op::RemoveUnprocessedChildren { queue, job }),
        2 => job().prop_map(|(queue, job)| Op::RemoveChildDependency { queue, job }),
        5 => (job(), any::<bool>(), reset()).prop_map(|((queue, job), has_failed, reset)|
            Op::Retry { queue, job, has_failed, reset }),
        3 => (job(), priority(), any::<bool>()).prop_map(|((queue, job), priority, is_first)|
            Op::ChangePriority { queue, job, priority, is_first }),
        2 => (job(), delay()).prop_map(|((queue, job), delay)|
            Op::ChangeDelay { queue, job, delay }),
        1 => job().prop_map(|(queue, job)| Op::UpdateData { queue, job }),
        1 => job().prop_map(|(queue, job)| Op::UpdateProgress { queue, job }),
        1 => (job(), 0..3_usize).prop_map(|((queue, job), keep)| Op::AddLog { queue, job, keep }),
        1 => job().prop_map(|(queue, job)| Op::ReleaseDeduplication { queue, job }),
    ]
}

fn on_a_queue() -> impl Strategy<Value = Op> {
    let grace = || prop_oneof![Just(0), Just(1000), Just(60_000)];
    let most = || prop_oneof![1..3_usize, Just(1000)];
    prop_oneof![
        1 => queue().prop_map(|queue| Op::Pause { queue }),
        1 => queue().prop_map(|queue| Op::PutAside { queue }),
        5 => queue().prop_map(|queue| Op::Resume { queue }),
        3 => (queue(), option::of(1..4_usize)).prop_map(|(queue, most)|
            Op::Concurrency { queue, most }),
        2 => (queue(), limit()).prop_map(|(queue, limit)| Op::RateLimit { queue, limit }),
        2 => queue().prop_map(|queue| Op::PromoteAll { queue }),
        2 => (queue(), any::<bool>(), grace()).prop_map(|(queue, has_failed, ago)|
            Op::RetryAll { queue, has_failed, ago }),
        2 => (queue(), any::<bool>()).prop_map(|(queue, with_delayed)|
            Op::Drain { queue, with_delayed }),
        3 => (queue(), 0..6_usize, grace(), most()).prop_map(|(queue, state, grace, most)|
            Op::Clean { queue, state, grace, most }),
        2 => (queue(), any::<bool>()).prop_map(|(queue, is_forced)|
            Op::Obliterate { queue, is_forced }),
    ]
}
