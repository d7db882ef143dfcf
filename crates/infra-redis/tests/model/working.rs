//! Taking jobs (4.4, 4.5), ending work on them (4.6 to 4.10), locks and stalls (4.11, 4.12).

use std::collections::BTreeSet;

use super::world::{Fleeting, Life, World, float};

/// A claim of jobs.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) tokens: Vec<String>,
    pub(super) worker: &'static str,
    /// Jobs, and the window in milliseconds.
    pub(super) limit: Option<(u64, u64)>,
    pub(super) lock_millis: u64,
    /// Whether the answer to the same claim was lost.
    pub(super) is_repeated: bool,
}

/// What a claim was answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Claimed {
    pub(super) ids: Vec<String>,
    pub(super) is_limited: bool,
    pub(super) due: f64,
    pub(super) is_blocked: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Completed,
    Failed,
    Retry { lifo: bool },
    Delay { millis: u64, is_attempt: bool },
    Release,
    WaitForChildren,
    Limit { millis: u64 },
}

/// The end of an attempt. `keep` is count, age in seconds and limit, -1 where there is none.
#[derive(Debug, Clone)]
pub(super) struct Settlement {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) outcome: Outcome,
    pub(super) value: &'static str,
    pub(super) stacktrace: &'static str,
    pub(super) attempts: u64,
    pub(super) keep: (i64, i64, usize),
}

/// How many points of metrics are kept.
pub(super) const POINTS: usize = 3;

/// Whether a queue's workers keep metrics. Those of the other one do not, as most don't.
pub(super) fn keeps_metrics(number: usize) -> bool {
    number == 0
}

impl World {
    pub(super) fn settle_and_claim(
        &mut self,
        number: usize,
        settlements: &[Settlement],
        claim: &Claim,
    ) -> (Vec<i64>, Claimed) {
        let settle = |settlement| self.settle(number, settlement).err().unwrap_or(0);
        let codes: Vec<_> = settlements.iter().map(settle).collect();
        let claimed = if claim.tokens.is_empty() {
            let queue = &mut self.queues[number];
            // A freed place under the global concurrency wakes somebody.
            if !settlements.is_empty() && queue.concurrency.is_some() {
                queue.wake();
            }
            Claimed::default()
        } else {
            self.claim(number, claim)
        };
        let is_end = |settlement: &Settlement| {
            matches!(settlement.outcome, Outcome::Completed | Outcome::Failed)
        };
        let has_finished =
            (settlements.iter().zip(&codes)).any(|(end, code)| *code == 0 && is_end(end));
        let queue = &mut self.queues[number];
        let is_empty =
            queue.wait.is_empty() && queue.active.is_empty() && queue.prioritized.0.is_empty();
        if has_finished && is_empty && claimed == Claimed::default() {
            queue.tell("drained");
        }
        (codes, claimed)
    }

    /// The jobs that the lost answer gave out, and others for the tokens that it left.
    pub(super) fn claim_again(&mut self, number: usize, claim: &Claim) -> Vec<String> {
        let queue = &self.queues[number];
        let mut rest = claim.clone();
        let mut given = Vec::new();
        for id in &queue.active {
            let token = queue.locks.get(id).map(|lock| &lock.value);
            let at = rest.tokens.iter().position(|ours| Some(ours) == token);
            if let Some(at) = at {
                rest.tokens.remove(at);
                given.push(id.clone());
            }
        }
        given.extend(self.claim(number, &rest).ids);
        given
    }

    fn claim(&mut self, number: usize, claim: &Claim) -> Claimed {
        let now = self.now;
        self.promote_due(number);
        let queue = &mut self.queues[number];
        let max = queue
            .rate
            .map(|rate| rate.0)
            .or(claim.limit.map(|limit| limit.0));
        let mut allowed = claim.tokens.len();
        if let Some(max) = max {
            let used = queue
                .limiter
                .as_ref()
                .map_or(0, |limiter| limiter.value.parse().unwrap());
            if used >= max {
                return Claimed {
                    is_limited: true,
                    ..Claimed::default()
                };
            }
            allowed = allowed.min(usize::try_from(max - used).unwrap());
        }
        let due = queue.next_due().unwrap_or(0.0);
        if queue.is_blocked() {
            return Claimed {
                due,
                is_blocked: true,
                ..Claimed::default()
            };
        }
        if let Some(most) = queue.concurrency {
            allowed = allowed.min(most - queue.active.len());
        }
        let mut claimed = Claimed::default();
        let mut counted = 0;
        while claimed.ids.len() < allowed {
            let Some(id) = self.queues[number].take_ready() else {
                break;
            };
            // An id without a job is dropped.
            let queue = &mut self.queues[number];
            let Some(job) = queue.jobs.get_mut(&id) else {
                continue;
            };
            job.set("processedOn", now);
            job.count("ats");
            if !claim.worker.is_empty() {
                job.set("pb", claim.worker);
            }
            counted += u64::from(!job.fields.contains_key("defa"));
            let value = claim.tokens[claimed.ids.len()].clone();
            let life = Some(Life::new(now, claim.lock_millis));
            queue.locks.insert(id.clone(), Fleeting { value, life });
            queue.active.insert(0, id.clone());
            queue.tell(&format!("active jobId={id} prev=waiting"));
            claimed.ids.push(id);
        }
        if max.is_some() && counted > 0 {
            self.count_against_limit(number, claim, counted);
        }
        let queue = &mut self.queues[number];
        // The chain goes on only while there is more work.
        let is_more = !queue.wait.is_empty() || !queue.prioritized.0.is_empty();
        if is_more && !claimed.ids.is_empty() {
            queue.leave_marker();
        }
        if claimed.ids.len() < claim.tokens.len() {
            claimed.due = due;
        }
        claimed
    }

    /// The window begins with its first job. Its length is the worker's if that has a limit.
    fn count_against_limit(&mut self, number: usize, claim: &Claim, counted: u64) {
        let queue = &mut self.queues[number];
        let global = queue.rate.map_or(0, |rate| rate.1);
        let window = claim.limit.map_or(global, |limit| limit.1);
        let life = Some(Life::new(self.now, window));
        let limiter = queue.limiter.get_or_insert(Fleeting {
            value: "0".to_owned(),
            life,
        });
        let used: u64 = limiter.value.parse().unwrap();
        limiter.value = (used + counted).to_string();
    }

    /// DUE.
    fn promote_due(&mut self, number: usize) {
        let highest = float((self.now + 1) * 4096 - 1);
        let queue = &mut self.queues[number];
        let due: Vec<_> = queue
            .delayed
            .sorted()
            .into_iter()
            .filter(|(_, score)| *score <= highest)
            .collect();
        let mut is_any = false;
        for (id, _) in &due {
            queue.delayed.take(id);
            // An id without a job is dropped.
            let Some(job) = queue.jobs.get_mut(id) else {
                continue;
            };
            job.set("delay", 0);
            let priority = job.number("priority");
            queue.push_ready(id, priority);
            queue.tell(&format!("waiting jobId={id} prev=delayed"));
            is_any = true;
        }
        if is_any {
            queue.wake();
        }
    }

    fn settle(&mut self, number: usize, end: &Settlement) -> Result<(), i64> {
        let now = self.now;
        let id = &end.id;
        match end.outcome {
            Outcome::Completed => return self.finish(number, end, "completed"),
            Outcome::Failed => return self.finish(number, end, "failed"),
            Outcome::WaitForChildren if self.queues[number].jobs.contains_key(id) => {
                if self.queues[number].unsuccessful.contains_key(id) {
                    return Err(-9);
                }
                if self.queues[number].is_waited_for(id) {
                    self.let_go(number, end)?;
                    let queue = &mut self.queues[number];
                    queue.waiting_children.put(id, float(now));
                    queue.tell(&format!("waiting-children jobId={id} prev=active"));
                    return Ok(());
                }
            }
            _ => {}
        }
        self.let_go(number, end)?;
        let queue = &mut self.queues[number];
        let job = queue.jobs.get_mut(id).expect("it was let go");
        let priority = job.number("priority");
        let is_attempt = match end.outcome {
            Outcome::Retry { .. } => true,
            Outcome::Delay { is_attempt, .. } => is_attempt,
            _ => false,
        };
        if is_attempt {
            job.set("failedReason", end.value);
            job.set("stacktrace", end.stacktrace);
            job.count("atm");
        }
        match end.outcome {
            Outcome::Delay { millis, .. } => {
                job.set("delay", millis);
                queue.push_delayed(id, now + millis);
                queue.wake_at_next_due();
                return Ok(());
            }
            Outcome::Retry { lifo: true } if priority == 0 => queue.wait.push(id.clone()),
            Outcome::Retry { .. } => queue.push_ready(id, priority),
            // Back to the front, first of its priority.
            _ if priority > 0 => queue.prioritized.put(id, float(priority << 32)),
            _ => queue.wait.push(id.clone()),
        }
        queue.wake();
        queue.tell(&format!("waiting jobId={id} prev=active"));
        if let Outcome::Limit { millis } = end.outcome {
            let value = "9007199254740991".to_owned();
            queue.limiter = Some(Fleeting {
                value,
                life: Some(Life::new(now, millis)),
            });
        }
        Ok(())
    }

    /// What every settlement starts with: the job exists, the worker holds it, it was active.
    fn let_go(&mut self, number: usize, end: &Settlement) -> Result<(), i64> {
        let queue = &mut self.queues[number];
        if !queue.jobs.contains_key(&end.id) {
            return Err(-1);
        }
        match queue.locks.get(&end.id) {
            None => return Err(-2),
            Some(lock) if lock.value != end.token => return Err(-6),
            Some(_) => {}
        }
        queue.locks.remove(&end.id);
        queue.stalled.remove(&end.id);
        let at = queue
            .active
            .iter()
            .rposition(|id| *id == end.id)
            .ok_or(-3)?;
        queue.active.remove(at);
        Ok(())
    }

    fn finish(&mut self, number: usize, end: &Settlement, kind: &'static str) -> Result<(), i64> {
        let now = self.now;
        let id = &end.id;
        let queue = &self.queues[number];
        let has_failed = kind == "failed";
        if !has_failed && queue.jobs.contains_key(id) {
            if queue.is_waited_for(id) {
                return Err(-4);
            }
            if queue.unsuccessful.contains_key(id) {
                return Err(-9);
            }
        }
        self.let_go(number, end)?;
        let job = &self.queues[number].jobs[id];
        if let Some(deduplication) = job.fields.get("deid").cloned() {
            self.finish_deduplication(number, id, &deduplication);
        }
        let value = if has_failed {
            "failedReason"
        } else {
            "returnvalue"
        };
        if has_failed {
            self.child_failed(number, id, end.value);
        } else {
            self.child_completed(number, id, end.value);
        }
        let queue = &mut self.queues[number];
        let job = queue.jobs.get_mut(id).expect("it was let go");
        let attempts_made = job.count("atm");
        if end.keep.0 == 0 {
            self.detach(number, id, false);
            self.queues[number].drop_job(id);
        } else {
            job.set(value, end.value);
            job.set("finishedOn", now);
            if has_failed {
                job.set("stacktrace", end.stacktrace);
                job.fields.remove("defa");
            }
            queue.finished(kind).put(id, float(now));
            self.trim(number, kind, end.keep);
        }
        let queue = &mut self.queues[number];
        queue.tell(&format!(
            "{kind} jobId={id} {value}={} prev=active",
            end.value
        ));
        if has_failed && attempts_made >= end.attempts {
            queue.tell(&format!(
                "retries-exhausted jobId={id} attemptsMade={attempts_made}"
            ));
        }
        self.count_finished(number, kind);
        Ok(())
    }

    /// What is kept of the finished jobs: none that are too old, then the newest.
    fn trim(&mut self, number: usize, kind: &str, (count, age, limit): (i64, i64, usize)) {
        let newest = |world: &mut Self| {
            let mut ids = world.queues[number].finished(kind).sorted();
            ids.reverse();
            ids
        };
        let mut dropped = Vec::new();
        if let Ok(age) = u64::try_from(age) {
            let oldest = float(self.now - age * 1000);
            let old = newest(self)
                .into_iter()
                .filter(|(_, score)| *score <= oldest);
            dropped.extend(old.take(limit));
            for (id, _) in &dropped {
                self.queues[number].finished(kind).take(id);
            }
        }
        if let Ok(count @ 1..) = usize::try_from(count) {
            for beyond in newest(self).into_iter().skip(count) {
                self.queues[number].finished(kind).take(&beyond.0);
                dropped.push(beyond);
            }
        }
        for (id, _) in dropped {
            self.detach(number, &id, false);
            self.queues[number].drop_job(&id);
        }
    }

    /// Metrics (4.22).
    fn count_finished(&mut self, number: usize, kind: &'static str) {
        if !keeps_metrics(number) {
            return;
        }
        let counts = self.queues[number].metrics.entry(kind).or_default();
        let before = counts.count;
        counts.count += 1;
        let Some((at, counted)) = counts.previous else {
            counts.previous = Some((self.now, 0));
            return;
        };
        let minutes = usize::try_from(self.now / 60_000 - at / 60_000)
            .unwrap()
            .min(POINTS);
        if minutes > 0 {
            let mut points = vec![0; minutes - 1];
            points.push(before - counted);
            points.append(&mut counts.points);
            points.truncate(POINTS);
            counts.points = points;
            counts.previous = Some((self.now, before));
        }
    }

    /// Renews locks; the ids of those that are not the worker's.
    pub(super) fn extend_locks(
        &mut self,
        number: usize,
        held: &[(String, String)],
        millis: u64,
    ) -> Vec<String> {
        let life = Some(Life::new(self.now, millis));
        let queue = &mut self.queues[number];
        let mut lost = Vec::new();
        for (id, token) in held {
            match queue.locks.get_mut(id) {
                Some(lock) if lock.value == *token => {
                    lock.life = life;
                    queue.stalled.remove(id);
                }
                _ => lost.push(id.clone()),
            }
        }
        lost
    }

    /// The stalled check. Valkey's sets have no order, so those found come in the order in which
    /// the engine found them; the result tells which should have been found.
    pub(super) fn recover_stalled(
        &mut self,
        number: usize,
        interval: u64,
        allowed: u64,
        found: &[String],
    ) -> BTreeSet<String> {
        let now = self.now;
        let queue = &mut self.queues[number];
        if queue.stalled_check.is_some() {
            return BTreeSet::new();
        }
        let life = Some(Life::new(now, interval));
        queue.stalled_check = Some(Fleeting {
            value: now.to_string(),
            life,
        });
        queue.has_event_limit = true;
        let suspects = std::mem::take(&mut queue.stalled);
        let mut lost = BTreeSet::new();
        for id in suspects {
            if queue.locks.contains_key(&id) || !queue.active.contains(&id) {
                continue;
            }
            if queue.jobs.contains_key(&id) {
                lost.insert(id);
            } else if let Some(at) = queue.active.iter().position(|active| *active == id) {
                // An id without a job is dropped.
                queue.active.remove(at);
            }
        }
        for id in found.iter().filter(|id| lost.contains(*id)) {
            let at = queue.active.iter().position(|active| active == id).unwrap();
            queue.active.remove(at);
            let job = queue.jobs.get_mut(id).unwrap();
            if job.count("stc") > allowed {
                job.set("defa", "job stalled more than allowable limit");
            }
            queue.wait.push(id.clone());
            queue.tell(&format!("waiting jobId={id} prev=active"));
            queue.tell(&format!("stalled jobId={id}"));
        }
        if !lost.is_empty() {
            queue.wake();
        }
        queue.stalled.extend(queue.active.iter().cloned());
        lost
    }
}
