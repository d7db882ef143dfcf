//! Runs operations against the model and the engine, and compares them after each.

use std::fmt::Debug;
use std::time::Duration;

use super::engine::Engine;
use super::keyspace::{items, texts};
use super::ops::{AddSpec, End, Op, Pick};
use super::working::{Claim, Outcome, Settlement};
use super::world::{JobRef, NewJob, World};
use crate::engine::connection::Connection;
use crate::engine::keys::QueueKeys;
use crate::engine::options::{Deduplication, JobId, JobOptions, ParentJob};
use crate::engine::scripts;

/// When everything starts: 2026-11-24 08:12:44.676 UTC.
const START: u64 = 1_795_507_964_676;

/// Longer than a case takes: Valkey's own clock must not end a lock.
const LOCK_MILLIS: u64 = 600_000;

/// How long the throttle of the stalled check lives.
const CHECK_MILLIS: u64 = 300_000;

/// One case.
pub(super) struct Run {
    pub(super) engine: Engine,
    pub(super) model: World,
    last_token: usize,
}

/// Nothing, or how the two differ.
pub(super) type Outcomes = Result<(), String>;

impl Run {
    pub(super) fn new(connection: Connection) -> Self {
        let engine = Engine::new(connection);
        let bases = engine.keys.each_ref().map(QueueKeys::base);
        Self {
            model: World::new(START, bases),
            engine,
            last_token: 0,
        }
    }

    /// Applies all operations; the first difference ends it.
    pub(super) async fn all(&mut self, ops: &[Op]) -> Outcomes {
        for (number, op) in ops.iter().enumerate() {
            let before = self.model.queues.each_ref().map(|queue| queue.events.len());
            let result = match self.step(op).await {
                Ok(()) => self.compare(before).await,
                Err(difference) => Err(difference),
            };
            result.map_err(|difference| format!("after step {number}, {op:?}:\n{difference}"))?;
        }
        Ok(())
    }

    pub(super) async fn clear(&self) {
        self.engine.clear().await;
    }

    async fn compare(&mut self, before: [usize; 2]) -> Outcomes {
        let actual = self.engine.keyspace().await;
        for (queue, before) in self.model.queues.iter_mut().zip(before) {
            // Any call may note the default, and those that the specification names must.
            let meta = actual.0.get(&queue.key("meta")).map_or("", String::as_str);
            queue.has_event_limit |= meta.contains("opts.maxLenEvents=10000");
            // Children are removed in no order.
            let events = actual.events(&queue.key("events"));
            if let (Some(told), Some(modelled)) = (events.get(before..), queue.events.get(before..))
            {
                let sorted = |events: &[String]| {
                    let mut events = events.to_vec();
                    events.sort();
                    events
                };
                let are_removals = |events: &[String]| {
                    events
                        .iter()
                        .any(|event| event.starts_with("event=removed"))
                };
                // One call settles many jobs, and does for all of them what it can do at once: the
                // events of each job keep their order, those of different jobs may not.
                let by_job = |events: &[String]| {
                    let mut events = events.to_vec();
                    events.sort_by_key(|event| {
                        let id = event.split(' ').find(|field| field.starts_with("jobId="));
                        id.unwrap_or_default().to_owned()
                    });
                    events
                };
                if are_removals(told) && sorted(told) == sorted(modelled)
                    || by_job(told) == by_job(modelled)
                {
                    queue.events = events;
                }
            }
        }
        self.model
            .keyspace()
            .difference(&actual)
            .map_or(Ok(()), Err)
    }

    async fn step(&mut self, op: &Op) -> Outcomes {
        match op {
            Op::Add { queue, jobs } => {
                let jobs = jobs
                    .iter()
                    .map(|spec| (*queue, self.new_job(spec)))
                    .collect();
                self.add(jobs).await
            }
            Op::AddFlow {
                queue,
                parent,
                children,
            } => {
                let jobs = self.flow(*queue, parent, children);
                self.add(jobs).await
            }
            Op::Advance { millis } => {
                self.advance(*millis).await;
                Ok(())
            }
            Op::Work {
                queue,
                ends,
                claims,
                limit,
                is_named,
                is_repeated,
            } => {
                let settlements: Vec<_> = ends
                    .iter()
                    .map(|end| self.settlement(*queue, end))
                    .collect();
                let tokens = (0..*claims).map(|_| self.token()).collect();
                let worker = if *is_named { "w1" } else { "" };
                let claim = Claim {
                    tokens,
                    worker,
                    limit: *limit,
                    lock_millis: LOCK_MILLIS,
                    is_repeated: false,
                };
                self.work(*queue, &settlements, &claim).await?;
                if *is_repeated && *claims > 0 {
                    self.claim_again(*queue, &claim).await?;
                }
                Ok(())
            }
            Op::Sleep { queue } => {
                let marker = &mut self.model.queues[*queue].marker;
                if let Some(first) = marker.ids().first() {
                    marker.take(first);
                }
                let key = self.engine.keys[*queue].job("marker");
                self.engine.command("ZPOPMIN", &[&key]).await;
                Ok(())
            }
            other => self.hold_or_lose(other).await,
        }
    }

    /// What happens to locks and to jobs without their workers' doing.
    async fn hold_or_lose(&mut self, op: &Op) -> Outcomes {
        match op {
            Op::ExtendLocks { queue, jobs } => {
                let held = jobs.iter().map(|(job, has_token)| {
                    let id = self.pick(*queue, *job, |model| model.queues[*queue].active.clone());
                    let token = self.token_of(*queue, &id, *has_token);
                    (id, token)
                });
                let held: Vec<_> = held.collect();
                let millis = LOCK_MILLIS.to_string();
                let mut args = vec![millis.as_str()];
                args.extend(
                    held.iter()
                        .flat_map(|(id, token)| [id.as_str(), token.as_str()]),
                );
                let script = &scripts::EXTEND_LOCKS;
                let said = items(self.engine.call(*queue, script, &args).await);
                let [lost, _cancelled] = said.try_into().expect("two lists");
                same(
                    self.model.extend_locks(*queue, &held, LOCK_MILLIS),
                    texts(lost),
                )
            }
            Op::LoseJob { queue, job } => {
                let id = self.any(*queue, *job);
                self.model.queues[*queue].jobs.remove(&id);
                let key = self.engine.keys[*queue].job(&id);
                self.engine.command("DEL", &[&key]).await;
                Ok(())
            }
            Op::LoseLock { queue, job } => {
                self.lose_lock(*queue, *job).await;
                Ok(())
            }
            Op::Crash {
                queue,
                job,
                allowed,
            } => {
                self.recover_stalled(*queue, true, *allowed).await?;
                self.lose_lock(*queue, *job).await;
                self.recover_stalled(*queue, true, *allowed).await
            }
            Op::RecoverStalled {
                queue,
                is_due,
                allowed,
            } => self.recover_stalled(*queue, *is_due, *allowed).await,
            other => self.maintain(other).await,
        }
    }

    async fn add(&mut self, jobs: Vec<(usize, NewJob)>) -> Outcomes {
        let added = self.engine.add(&jobs).await;
        let expected = self.model.add(&jobs);
        let text = |result: &Result<String, String>| match result {
            Ok(id) => Ok(id.clone()),
            Err(error) if error.starts_with("Missing key for parent job") => Err(-5),
            Err(error) if error.contains("cannot be replaced") => Err(-7),
            Err(error) => panic!("another error: {error}"),
        };
        same(expected, added.iter().map(text).collect())
    }

    /// Lets time pass. What lives no longer is deleted by hand: Valkey has a clock of its own.
    async fn advance(&mut self, millis: u64) {
        let before = self.model.keyspace();
        self.model.advance(millis);
        let after = self.model.keyspace();
        for key in before.0.keys().filter(|key| !after.0.contains_key(*key)) {
            self.engine.command("DEL", &[key]).await;
        }
    }

    async fn work(&mut self, queue: usize, ends: &[Settlement], claim: &Claim) -> Outcomes {
        let now = self.model.now;
        let mut actual = self.engine.settle_and_claim(queue, now, ends, claim).await;
        let jobs = &self.model.queues[queue].jobs;
        let were_there: Vec<_> = ends.iter().map(|end| jobs.contains_key(&end.id)).collect();
        let (mut codes, mut claimed) = self.model.settle_and_claim(queue, ends, claim);
        // Finished jobs are trimmed once for all that a call settles: to one that an end before it
        // would have trimmed, an end that nobody may make is refused for want of the lock.
        for ((code, told), was_there) in codes.iter_mut().zip(&actual.0).zip(were_there) {
            if *code == -1 && was_there && *told == -2 {
                *code = *told;
            }
        }
        claimed.is_blocked = false;
        // Whether it is this millisecond or the next is of no matter to a worker that sleeps.
        actual.1.due = actual.1.due.floor();
        claimed.due = claimed.due.floor();
        let is_near = (actual.1.due - claimed.due).abs() <= 1.0;
        claimed.due = if is_near { actual.1.due } else { claimed.due };
        same((codes, claimed), actual)
    }

    /// The answer to a claim was lost: the same jobs are given out, and others for what is left.
    async fn claim_again(&mut self, queue: usize, claim: &Claim) -> Outcomes {
        let now = self.model.now;
        let claim = Claim {
            is_repeated: true,
            ..claim.clone()
        };
        let (_, actual) = self.engine.settle_and_claim(queue, now, &[], &claim).await;
        same(self.model.claim_again(queue, &claim), actual.ids)
    }

    async fn lose_lock(&mut self, queue: usize, job: Pick) {
        let id = self.pick(queue, job, |model| model.queues[queue].active.clone());
        self.model.queues[queue].locks.remove(&id);
        let key = self.engine.keys[queue].job(&format!("{id}:lock"));
        self.engine.command("DEL", &[&key]).await;
    }

    async fn recover_stalled(&mut self, queue: usize, is_due: bool, allowed: u64) -> Outcomes {
        if is_due {
            self.model.queues[queue].stalled_check = None;
            let key = self.engine.keys[queue].job("stalled-check");
            self.engine.command("DEL", &[&key]).await;
        }
        let numbers = [self.model.now, CHECK_MILLIS, allowed].map(|number| number.to_string());
        let args = numbers.each_ref().map(String::as_str);
        let found = texts(
            self.engine
                .call(queue, &scripts::RECOVER_STALLED, &args)
                .await,
        );
        let expected = self
            .model
            .recover_stalled(queue, CHECK_MILLIS, allowed, &found);
        same(expected, found.into_iter().collect())
    }

    /// Which queue a job is looked up in, and among which of its jobs.
    pub(super) fn pick(
        &self,
        queue: usize,
        pick: Pick,
        among: impl Fn(&World) -> Vec<String>,
    ) -> String {
        let mut ids = among(&self.model);
        if ids.is_empty() || pick.is_wild {
            ids = self.model.queues[queue].jobs.keys().cloned().collect();
        }
        if ids.is_empty() {
            return "missing".to_owned();
        }
        ids[pick.number % ids.len()].clone()
    }

    fn token(&mut self) -> String {
        self.last_token += 1;
        format!("token-{}", self.last_token)
    }

    fn token_of(&self, queue: usize, id: &str, is_right: bool) -> String {
        let lock = self.model.queues[queue].locks.get(id).filter(|_| is_right);
        lock.map_or("another".to_owned(), |lock| lock.value.clone())
    }

    fn settlement(&self, queue: usize, end: &End) -> Settlement {
        let id = self.pick(queue, end.job, |model| model.queues[queue].active.clone());
        let is_completion = end.outcome == Outcome::Completed;
        Settlement {
            token: self.token_of(queue, &id, end.has_token),
            id,
            outcome: end.outcome,
            value: if is_completion { "42" } else { "it broke" },
            stacktrace: r#"["Error: it broke"]"#,
            attempts: end.attempts,
            keep: end.keep,
        }
    }

    fn flow(
        &self,
        queue: usize,
        parent: &AddSpec,
        children: &[(usize, AddSpec)],
    ) -> Vec<(usize, NewJob)> {
        let id = format!("p{}", parent.id.unwrap_or(0));
        let of_parent = AddSpec {
            parent: None,
            ..parent.clone()
        };
        let mut options = self.options(&of_parent);
        options.id = Some(JobId::parse(&id).unwrap());
        let mut jobs = vec![(
            queue,
            NewJob {
                waits_for_children: true,
                is_in_flow: true,
                ..new_job(options)
            },
        )];
        for (number, child) in children {
            let mut options = self.options(&AddSpec {
                parent: None,
                ..child.clone()
            });
            options.deduplication = None;
            options.parent = Some(ParentJob {
                queue: self.engine.ids[queue].clone(),
                id: id.clone(),
            });
            let parent = Some((queue, id.clone()));
            jobs.push((
                *number,
                NewJob {
                    parent,
                    is_in_flow: true,
                    ..new_job(options)
                },
            ));
        }
        jobs
    }

    fn new_job(&self, spec: &AddSpec) -> NewJob {
        let parents = || {
            self.model
                .queues
                .iter()
                .enumerate()
                .flat_map(|(number, queue)| {
                    let ids = queue.jobs.keys().filter(|id| id.starts_with('p'));
                    ids.map(move |id| (number, id.clone()))
                })
        };
        let known: Vec<JobRef> = parents().collect();
        let mut options = self.options(spec);
        let asked = spec.parent.filter(|_| options.deduplication.is_none());
        let parent = asked.map(|number| match known.len() {
            0 => (0, "missing".to_owned()),
            count => known[number % count].clone(),
        });
        options.parent = parent.as_ref().map(|(queue, id)| ParentJob {
            queue: self.engine.ids[*queue].clone(),
            id: id.clone(),
        });
        NewJob {
            parent,
            ..new_job(options)
        }
    }

    fn options(&self, spec: &AddSpec) -> JobOptions {
        let deduplication = spec.deduplication.as_ref().map(|rule| Deduplication {
            id: format!("d{}", rule.id),
            ttl: rule.ttl.map(Duration::from_millis),
            extend: rule.flags & 1 > 0,
            replace: rule.flags & 2 > 0,
            keep_last_if_active: rule.flags & 4 > 0,
            reschedule: rule.flags & 8 > 0,
        });
        JobOptions {
            id: spec.id.map(|id| JobId::parse(&format!("c{id}")).unwrap()),
            delay: Duration::from_millis(spec.delay),
            priority: spec.priority,
            lifo: spec.lifo,
            timestamp: Some(self.model.now),
            on_failure: spec.on_failure,
            deduplication,
            ..JobOptions::default()
        }
    }
}

/// A job alone; what it is added with stands in the options too.
fn new_job(options: JobOptions) -> NewJob {
    NewJob {
        opts: serde_json::to_string(&options.to_wire()).unwrap(),
        options,
        parent: None,
        data: r#"{"to":"Ada"}"#.to_owned(),
        waits_for_children: false,
        is_in_flow: false,
    }
}

/// Fails with both answers unless they are the same.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an answer is made to be compared"
)]
pub(super) fn same<T: PartialEq + Debug>(model: T, engine: T) -> Outcomes {
    if model == engine {
        return Ok(());
    }
    Err(format!("model:  {model:?}\nengine: {engine:?}"))
}
