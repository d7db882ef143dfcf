//! Adding jobs (4.1 to 4.3 of the specification) and deduplication (4.19).

use super::world::{Fleeting, Held, JobRef, Life, NewJob, World, float};
use crate::engine::options::millis;

const PARENT_MISSING: i64 = -5;
const OTHER_PARENT: i64 = -7;

impl World {
    /// Adds jobs in one step; the id of each, or a code. All of them leave one marker.
    pub(super) fn add(&mut self, jobs: &[(usize, NewJob)]) -> Vec<Result<String, i64>> {
        let mut has_ready = [false; 2];
        let mut has_delayed = [false; 2];
        let mut results = Vec::new();
        for (queue, job) in jobs {
            let result = self.add_one(*queue, job);
            if let Ok((_, place)) = &result {
                has_ready[*queue] |= *place == Place::Ready;
                has_delayed[*queue] |= *place == Place::Delayed;
            }
            results.push(result.map(|(id, _)| id));
        }
        self.release_parents_of_flow(jobs, &results);
        for (number, queue) in self.queues.iter_mut().enumerate() {
            if has_ready[number] {
                queue.wake();
            }
            if has_delayed[number] {
                queue.wake_at_next_due();
            }
        }
        results
    }

    /// The release step of a flow: a parent whose children had all completed before waits for
    /// nothing; one that was refused a child waits for ever.
    fn release_parents_of_flow(
        &mut self,
        jobs: &[(usize, NewJob)],
        results: &[Result<String, i64>],
    ) {
        for (_, job) in jobs {
            let Some(parent) = job.parent.as_ref().filter(|_| job.is_in_flow) else {
                continue;
            };
            let mut siblings = jobs.iter().zip(results);
            let is_incomplete = siblings.any(|((_, other), result)| {
                other.parent.as_ref() == Some(parent) && *result == Err(OTHER_PARENT)
            });
            if !is_incomplete {
                self.free_parent(parent);
            }
        }
    }

    fn add_one(&mut self, number: usize, job: &NewJob) -> Result<(String, Place), i64> {
        if job
            .parent
            .as_ref()
            .is_some_and(|parent| !self.exists(parent))
        {
            return Err(PARENT_MISSING);
        }
        let queue = &mut self.queues[number];
        queue.last_id += 1;
        queue.has_event_limit = true;
        let id = match &job.options.id {
            Some(id) => id.as_str().to_owned(),
            None => queue.last_id.to_string(),
        };
        if job.options.id.is_some() && queue.jobs.contains_key(&id) {
            self.attach(number, &id, job)?;
            return Ok((id, Place::None));
        }
        if let Some(existing) = self.deduplicate(number, &id, job) {
            return Ok((existing, Place::None));
        }
        let now = self.now;
        self.store(number, &id, job, now);
        let place = self.enqueue(number, &id, job);
        self.note_dependency(number, &id, job.parent.as_ref());
        Ok((id, place))
    }

    fn note_dependency(&mut self, number: usize, id: &str, parent: Option<&JobRef>) {
        if let Some((parent_queue, parent)) = parent {
            let key = self.queues[number].key(id);
            self.queues[*parent_queue].add_dependency(parent, key);
        }
    }

    /// STORE.
    pub(super) fn store(&mut self, number: usize, id: &str, job: &NewJob, timestamp: u64) {
        let queue = &mut self.queues[number];
        let options = &job.options;
        let stored = queue.jobs.entry(id.to_owned()).or_default();
        stored.set("name", "n");
        stored.set("data", &job.data);
        stored.set("opts", &job.opts);
        stored.set("timestamp", timestamp);
        stored.set("delay", millis(options.delay));
        stored.set("priority", options.priority);
        if let Some(deduplication) = &options.deduplication {
            stored.set("deid", &deduplication.id);
        }
        if let Some(parent) = &job.parent {
            stored.parent = Some((parent.clone(), options.on_failure));
        }
        stored.lifo = options.lifo;
        queue.tell(&format!("added jobId={id} name=n"));
    }

    /// ENQUEUE without the marker, or a parent's way to wait for its children.
    pub(super) fn enqueue(&mut self, number: usize, id: &str, job: &NewJob) -> Place {
        let now = self.now;
        let queue = &mut self.queues[number];
        let options = &job.options;
        if job.waits_for_children {
            queue.waiting_children.put(id, float(now));
            queue.tell(&format!("waiting-children jobId={id}"));
            return Place::None;
        }
        let delay = millis(options.delay);
        if delay > 0 {
            queue.push_delayed(id, now + delay);
            return Place::Delayed;
        }
        if options.priority == 0 && options.lifo {
            queue.wait.push(id.to_owned());
        } else {
            queue.push_ready(id, options.priority.into());
        }
        queue.tell(&format!("waiting jobId={id}"));
        Place::Ready
    }

    /// A job with an id in use: it becomes a child of the parent given, unless it has another one.
    fn attach(&mut self, number: usize, id: &str, job: &NewJob) -> Result<(), i64> {
        let old = self.queues[number].jobs[id].parent.clone();
        if let Some(parent) = &job.parent {
            let has_other = old.is_some_and(|(old, _)| old != *parent && self.exists(&old));
            if has_other {
                return Err(OTHER_PARENT);
            }
            let key = self.queues[number].key(id);
            if self.queues[number].completed.0.contains_key(id) {
                let value = self.queues[number].jobs[id].fields.get("returnvalue");
                let value = value.map_or("null".to_owned(), Clone::clone);
                let children = self.queues[parent.0].processed.entry(parent.1.clone());
                children.or_default().insert(key, value);
                if !job.is_in_flow {
                    self.free_parent(parent);
                }
            } else {
                self.queues[parent.0].add_dependency(&parent.1, key);
            }
            let stored = self.queues[number].jobs.get_mut(id).expect("it exists");
            stored.parent = Some((parent.clone(), job.options.on_failure));
        }
        self.queues[number].tell(&format!("duplicated jobId={id}"));
        Ok(())
    }

    /// The id of the job that stands for a new one already; none if the new one is to be stored.
    fn deduplicate(&mut self, number: usize, id: &str, job: &NewJob) -> Option<String> {
        let rule = job.options.deduplication.as_ref()?;
        let ttl = rule.ttl.filter(|_| !rule.keep_last_if_active);
        let life = ttl.map(|ttl| Life::new(self.now, millis(ttl)));
        let now = self.now;
        let queue = &mut self.queues[number];
        let fresh = Fleeting {
            value: id.to_owned(),
            life,
        };
        let Some(owner) = queue.owners.get(&rule.id).cloned() else {
            queue.owners.insert(rule.id.clone(), fresh);
            return None;
        };
        let current = owner.value;
        let replaces = rule.replace && !job.waits_for_children;
        let told = |kept: &str, dropped: &str| {
            let about = format!("deduplicationId={}", rule.id);
            format!("deduplicated jobId={kept} {about} deduplicatedJobId={dropped}")
        };
        if replaces && queue.delayed.take(&current) {
            queue.drop_job(&current);
            queue.tell(&format!("removed jobId={current} prev=delayed"));
            queue.tell(&told(id, &current));
            queue.held.remove(&rule.id);
            let keeps_ttl = rule.ttl.is_some() && !rule.extend && !rule.keep_last_if_active;
            let life = if keeps_ttl { owner.life } else { life };
            let owner = Fleeting { life, ..fresh };
            queue.owners.insert(rule.id.clone(), owner);
            return None;
        }
        if owner.life.is_none() && !queue.jobs.contains_key(&current) {
            queue.held.remove(&rule.id);
            queue.owners.insert(rule.id.clone(), fresh);
            return None;
        }
        if rule.keep_last_if_active && queue.active.contains(&current) {
            let held = Held {
                id: id.to_owned(),
                job: job.clone(),
            };
            queue.held.insert(rule.id.clone(), held);
            let owner = Fleeting {
                value: current.clone(),
                life: None,
            };
            queue.owners.insert(rule.id.clone(), owner);
            queue.tell(&told(&current, id));
            return Some(current);
        }
        if replaces {
            return Some(current);
        }
        if rule.extend && rule.ttl.is_some() {
            let owner = Fleeting {
                value: current.clone(),
                life,
            };
            queue.owners.insert(rule.id.clone(), owner);
        }
        queue.tell(&told(&current, id));
        let is_stored = queue.jobs.contains_key(&current);
        let reschedules = rule.reschedule && !job.waits_for_children && is_stored;
        if reschedules && queue.delayed.take(&current) {
            let delay = millis(job.options.delay);
            let owner = queue.jobs.get_mut(&current).expect("it is stored");
            owner.set("delay", delay);
            queue.push_delayed(&current, now + delay);
            queue.wake_at_next_due();
        }
        Some(current)
    }

    /// What the end of a job means to those held back for it (4.19, 5 and 6).
    pub(super) fn finish_deduplication(&mut self, number: usize, job_id: &str, id: &str) {
        let now = self.now;
        let queue = &mut self.queues[number];
        let owner = queue.owners.get(id);
        if owner.is_some_and(|owner| owner.life.is_none() && owner.value == job_id) {
            queue.owners.remove(id);
        }
        let Some(mut held) = queue.held.remove(id) else {
            return;
        };
        // What is held back says nothing of children.
        held.job.waits_for_children = false;
        queue.last_id += 1;
        let rule = held.job.options.deduplication.clone().unwrap_or_default();
        let ttl = rule.ttl.filter(|_| !rule.keep_last_if_active);
        let life = ttl.map(|ttl| Life::new(now, millis(ttl)));
        let owner = Fleeting {
            value: held.id.clone(),
            life,
        };
        queue.owners.insert(id.to_owned(), owner);
        self.store(number, &held.id, &held.job, now);
        match self.enqueue(number, &held.id, &held.job) {
            Place::Ready => self.queues[number].wake(),
            Place::Delayed => self.queues[number].wake_at_next_due(),
            Place::None => {}
        }
        self.note_dependency(number, &held.id, held.job.parent.as_ref());
    }

    /// A job that is removed lets go of its deduplication id.
    pub(super) fn release_deduplication(&mut self, number: usize, job_id: &str) {
        let queue = &mut self.queues[number];
        let job = queue.jobs.get(job_id);
        let Some(id) = job.and_then(|job| job.fields.get("deid")).cloned() else {
            return;
        };
        if queue
            .owners
            .get(&id)
            .is_some_and(|owner| owner.value == job_id)
        {
            queue.owners.remove(&id);
            queue.held.remove(&id);
        }
    }
}

/// Where a job went when it was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Ready,
    Delayed,
    None,
}
