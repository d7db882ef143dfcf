//! What is done to a queue and its jobs by hand, except removals (4.13, 4.15 to 4.17).

use std::collections::BTreeMap;

use super::world::{QueueState, Scores, World, float};

impl QueueState {
    /// A sorted set by its name.
    pub(super) fn scores(&mut self, name: &str) -> Option<&mut Scores> {
        match name {
            "completed" => Some(&mut self.completed),
            "waiting-children" => Some(&mut self.waiting_children),
            "delayed" => Some(&mut self.delayed),
            "failed" => Some(&mut self.failed),
            "prioritized" => Some(&mut self.prioritized),
            _ => None,
        }
    }

    pub(super) fn finished(&mut self, kind: &str) -> &mut Scores {
        self.scores(kind).expect("a state of finished jobs")
    }

    /// A list by its name.
    fn list(&mut self, name: &str) -> &mut Vec<String> {
        match name {
            "wait" => &mut self.wait,
            "paused" => &mut self.aside,
            _ => &mut self.active,
        }
    }

    /// The next job to be taken.
    pub(super) fn take_ready(&mut self) -> Option<String> {
        self.wait.pop().or_else(|| {
            let id = self.prioritized.ids().into_iter().next()?;
            self.prioritized.take(&id);
            Some(id)
        })
    }

    /// The ids in a place, those first that were there first.
    pub(super) fn ids(&mut self, name: &str) -> Vec<String> {
        match self.scores(name) {
            Some(scores) => scores.ids(),
            None => self.list(name).iter().rev().cloned().collect(),
        }
    }

    pub(super) fn take_from(&mut self, name: &str, id: &str) -> bool {
        if let Some(scores) = self.scores(name) {
            return scores.take(id);
        }
        let list = self.list(name);
        let before = list.len();
        list.retain(|other| other != id);
        list.len() < before
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
        self.marker = Scores::default();
        self.tell("paused");
    }

    pub(super) fn resume(&mut self) {
        self.paused = false;
        self.wait.append(&mut self.aside);
        if self.wait.is_empty() && self.prioritized.0.is_empty() {
            self.wake_at_next_due();
        } else {
            self.leave_marker();
        }
        self.tell("resumed");
    }

    /// What a 5.x client does when it pauses.
    pub(super) fn put_aside(&mut self) {
        self.paused = true;
        self.marker = Scores::default();
        self.aside = std::mem::take(&mut self.wait);
        self.tell("paused");
    }

    pub(super) fn promote(&mut self, id: &str) -> i64 {
        if !self.delayed.take(id) {
            return -3;
        }
        // An id without a job is dropped.
        let Some(job) = self.jobs.get_mut(id) else {
            return -1;
        };
        job.set("delay", 0);
        let priority = job.number("priority");
        self.push_ready(id, priority);
        self.wake();
        self.tell(&format!("waiting jobId={id} prev=delayed"));
        0
    }

    /// Priorities are ignored and `delay` stays, as with BullMQ.
    pub(super) fn promote_all(&mut self) -> usize {
        let mut ids = self.delayed.ids();
        self.delayed = Scores::default();
        // Ids without a job are dropped.
        ids.retain(|id| self.jobs.contains_key(id));
        for id in &ids {
            self.wait.insert(0, id.clone());
            self.tell(&format!("waiting jobId={id} prev=delayed"));
        }
        if !ids.is_empty() {
            self.wake();
        }
        ids.len()
    }

    pub(super) fn change_priority(&mut self, id: &str, priority: u64, is_first: bool) -> i64 {
        let Some(job) = self.jobs.get_mut(id) else {
            return -1;
        };
        job.set("priority", priority);
        let at = self.wait.iter().rposition(|other| other == id);
        let was_ready = self.prioritized.take(id) || at.map(|at| self.wait.remove(at)).is_some();
        if !was_ready {
            return 0;
        }
        match (priority, is_first) {
            (0, true) => self.wait.push(id.to_owned()),
            (_, true) => {
                self.prioritized.put(id, float(priority << 32));
                return 0;
            }
            (_, false) => self.push_ready(id, priority),
        }
        self.wake();
        0
    }

    pub(super) fn change_delay(&mut self, id: &str, delay: u64, now: u64) -> i64 {
        let Some(job) = self.jobs.get_mut(id) else {
            return -1;
        };
        if !self.delayed.take(id) {
            return -3;
        }
        job.set("delay", delay);
        self.push_delayed(id, now + delay);
        self.wake_at_next_due();
        0
    }

    pub(super) fn update_data(&mut self, id: &str, data: &str) -> i64 {
        let Some(job) = self.jobs.get_mut(id) else {
            return -1;
        };
        job.set("data", data);
        0
    }

    pub(super) fn update_progress(&mut self, id: &str, progress: &str) -> i64 {
        let Some(job) = self.jobs.get_mut(id) else {
            return -1;
        };
        job.set("progress", progress);
        self.has_event_limit = true;
        self.tell(&format!("progress jobId={id} data={progress}"));
        0
    }

    pub(super) fn add_log(&mut self, id: &str, line: &str, keep: usize) -> i64 {
        if !self.jobs.contains_key(id) {
            return -1;
        }
        let lines = self.logs.entry(id.to_owned()).or_default();
        lines.push(line.to_owned());
        if keep > 0 && lines.len() > keep {
            lines.drain(..lines.len() - keep);
        }
        i64::try_from(lines.len()).unwrap()
    }

    /// Lets other jobs be added under the deduplication id that a job holds.
    pub(super) fn forget_owner(&mut self, job_id: &str) -> i64 {
        let job = self.jobs.get(job_id);
        let Some(id) = job.and_then(|job| job.fields.get("deid")) else {
            return 0;
        };
        let is_owner = self
            .owners
            .get(id)
            .is_some_and(|owner| owner.value == job_id);
        if is_owner {
            self.owners.remove(id);
        }
        is_owner.into()
    }
}

impl World {
    pub(super) fn retry(
        &mut self,
        number: usize,
        id: &str,
        state: &'static str,
        (made, started): (bool, bool),
    ) -> i64 {
        let queue = &mut self.queues[number];
        if !queue.jobs.contains_key(id) {
            return -1;
        }
        if !queue.finished(state).take(id) {
            return -3;
        }
        self.reopen(number, id, state);
        let queue = &mut self.queues[number];
        let job = queue.jobs.get_mut(id).expect("it exists");
        if made {
            job.fields.remove("atm");
        }
        if started {
            job.fields.remove("ats");
        }
        let (priority, lifo) = (job.number("priority"), job.lifo);
        if priority == 0 && lifo {
            queue.wait.push(id.to_owned());
        } else {
            queue.push_ready(id, priority);
        }
        queue.wake();
        queue.tell(&format!("waiting jobId={id} prev={state}"));
        0
    }

    /// Priorities are ignored, as with BullMQ.
    pub(super) fn retry_all(&mut self, number: usize, state: &'static str, until: u64) -> usize {
        let finished = self.queues[number].finished(state).sorted();
        let mut ids: Vec<_> = finished
            .into_iter()
            .filter(|(_, at)| *at <= float(until))
            .map(|(id, _)| id)
            .collect();
        for id in &ids {
            self.queues[number].finished(state).take(id);
        }
        // Ids without a job are dropped.
        ids.retain(|id| self.queues[number].jobs.contains_key(id));
        for id in &ids {
            self.reopen(number, id, state);
            let queue = &mut self.queues[number];
            queue.wait.insert(0, id.clone());
            queue.tell(&format!("waiting jobId={id} prev={state}"));
        }
        if !ids.is_empty() {
            self.queues[number].wake();
        }
        ids.len()
    }

    fn reopen(&mut self, number: usize, id: &str, state: &str) {
        let key = self.queues[number].key(id);
        let job = self.queues[number]
            .jobs
            .get_mut(id)
            .expect("a finished job");
        let value = if state == "failed" {
            "failedReason"
        } else {
            "returnvalue"
        };
        for field in ["finishedOn", "processedOn", value] {
            job.fields.remove(field);
        }
        let Some((parent, _)) = job.parent.clone() else {
            return;
        };
        if !self.exists(&parent) {
            return;
        }
        let queue = &mut self.queues[parent.0];
        let was_done = if state == "failed" {
            let is_ignored = forget(&mut queue.ignored, &parent.1, &key);
            let scores = queue.unsuccessful.get_mut(&parent.1);
            let was_unsuccessful = scores.is_some_and(|scores| scores.take(&key));
            queue.unsuccessful.retain(|_, scores| !scores.0.is_empty());
            is_ignored || was_unsuccessful
        } else {
            forget(&mut queue.processed, &parent.1, &key)
        };
        if was_done {
            queue.add_dependency(&parent.1, key);
        }
    }
}

/// Takes a child from one of the maps of a parent; whether it was there.
fn forget(
    children: &mut BTreeMap<String, BTreeMap<String, String>>,
    parent: &str,
    child: &str,
) -> bool {
    let map = children.get_mut(parent);
    let was_there = map.is_some_and(|map| map.remove(child).is_some());
    children.retain(|_, map| !map.is_empty());
    was_there
}
