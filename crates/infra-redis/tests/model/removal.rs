//! Removing jobs (4.14).

use super::world::{JobRef, QueueState, World, float};

/// The places in which a job is looked for, in that order.
const PLACES: [&str; 8] = [
    "completed",
    "waiting-children",
    "delayed",
    "failed",
    "prioritized",
    "wait",
    "paused",
    "active",
];

impl QueueState {
    /// The moment by which a job's age is told (4.14, clean).
    fn moment(&self, state: &str, id: &str) -> u64 {
        let fields: &[&str] = match state {
            "delayed" => &["processedOn", "timestamp"],
            "prioritized" => &["timestamp"],
            _ => &["finishedOn", "processedOn", "timestamp"],
        };
        let job = self.jobs.get(id);
        let value = |field: &&str| job.and_then(|job| job.fields.get(*field));
        fields
            .iter()
            .find_map(value)
            .map_or(0, |text| text.parse().unwrap())
    }
}

impl World {
    /// The keys of a job's children, done or not.
    pub(super) fn children(&self, (number, id): &JobRef) -> Vec<JobRef> {
        let queue = &self.queues[*number];
        let processed = queue
            .processed
            .get(id)
            .into_iter()
            .flat_map(|map| map.keys());
        let ignored = queue.ignored.get(id).into_iter().flat_map(|map| map.keys());
        let failed = queue
            .unsuccessful
            .get(id)
            .into_iter()
            .flat_map(|scores| scores.0.keys());
        let others = queue.dependencies.get(id).into_iter().flatten();
        let keys = processed.chain(ignored).chain(failed).chain(others);
        keys.map(|key| self.behind(key)).collect()
    }

    /// Whether a worker holds a job or, with children, one of those that are not done.
    pub(super) fn is_held(&self, (number, id): &JobRef, with_children: bool) -> bool {
        let queue = &self.queues[*number];
        let mut children = queue.dependencies.get(id).into_iter().flatten();
        queue.locks.contains_key(id)
            || with_children && children.any(|key| self.is_held(&self.behind(key), true))
    }

    pub(super) fn remove(&mut self, job: &JobRef, with_children: bool) -> i64 {
        if self.is_held(job, with_children) {
            return 0;
        }
        self.remove_tree(job, with_children, None);
        1
    }

    /// `doomed` is a parent that is removed next and not released by its own children.
    fn remove_tree(&mut self, job: &JobRef, with_children: bool, doomed: Option<&JobRef>) {
        let (number, id) = job;
        let stored = self.queues[*number].jobs.get(id);
        let parent = stored.and_then(|stored| stored.parent.clone());
        if parent.as_ref().map(|(parent, _)| parent) != doomed {
            self.detach(*number, id, false);
        }
        if with_children {
            for child in self.children(job) {
                self.remove_tree(&child, true, Some(job));
            }
        }
        let queue = &mut self.queues[*number];
        let previous = PLACES.iter().find(|place| queue.take_from(place, id));
        self.release_deduplication(*number, id);
        let queue = &mut self.queues[*number];
        if queue.drop_job(id) {
            let previous = previous.unwrap_or(&"unknown");
            queue.tell(&format!("removed jobId={id} prev={previous}"));
        }
    }

    /// Children that a worker holds and failed ones stay.
    pub(super) fn remove_unprocessed_children(&mut self, job: &JobRef) {
        let (number, id) = job;
        let children = self.queues[*number].dependencies.get(id).cloned();
        for key in children.into_iter().flatten() {
            let child = self.behind(&key);
            let is_failed = self.queues[child.0].failed.0.contains_key(&child.1);
            if !is_failed && !self.is_held(&child, true) {
                self.remove_tree(&child, true, None);
            }
        }
    }

    pub(super) fn remove_child_dependency(&mut self, number: usize, id: &str) -> i64 {
        let Some(job) = self.queues[number].jobs.get(id) else {
            return -1;
        };
        let Some((parent, _)) = job.parent.clone() else {
            return 1;
        };
        if !self.exists(&parent) {
            return -5;
        }
        let key = self.queues[number].key(id);
        let dependencies = self.queues[parent.0].dependencies.get(&parent.1);
        if !dependencies.is_some_and(|children| children.contains(&key)) {
            return 1;
        }
        self.detach(number, id, false);
        self.queues[number]
            .jobs
            .get_mut(id)
            .expect("it exists")
            .parent = None;
        0
    }

    /// What emptying a queue does to a job that is in no place any more.
    fn discard(&mut self, number: usize, id: &str) {
        self.detach(number, id, true);
        self.release_deduplication(number, id);
        self.queues[number].drop_job(id);
    }

    pub(super) fn drain(&mut self, number: usize, with_delayed: bool) -> usize {
        let mut removed = 0;
        for place in ["wait", "paused", "delayed", "prioritized"] {
            if place == "delayed" && !with_delayed {
                continue;
            }
            let ids = self.queues[number].ids(place);
            for id in &ids {
                self.queues[number].take_from(place, id);
                self.discard(number, id);
            }
            removed += ids.len();
        }
        removed
    }

    /// The oldest `most` jobs in these places that are not younger than `cutoff`; their ids.
    pub(super) fn clean(
        &mut self,
        number: usize,
        places: &[&str],
        cutoff: u64,
        most: usize,
    ) -> Vec<String> {
        let mut removed = Vec::new();
        for place in places {
            for id in self.queues[number].ids(place) {
                let queue = &mut self.queues[number];
                let at = match queue.scores(place) {
                    Some(scores) if ["completed", "failed"].contains(place) => scores.0[&id],
                    _ => float(queue.moment(place, &id)),
                };
                let is_held = *place == "active" && queue.locks.contains_key(&id);
                if removed.len() < most && at <= float(cutoff) && !is_held {
                    queue.take_from(place, &id);
                    self.discard(number, &id);
                    removed.push(id);
                }
            }
        }
        self.queues[number].tell(&format!("cleaned count={}", removed.len()));
        removed
    }

    pub(super) fn obliterate(&mut self, number: usize, is_forced: bool) -> i64 {
        let queue = &self.queues[number];
        if !queue.paused {
            return -1;
        }
        if !queue.active.is_empty() && !is_forced {
            return -2;
        }
        for place in [
            "active",
            "delayed",
            "completed",
            "wait",
            "paused",
            "prioritized",
            "failed",
        ] {
            let queue = &mut self.queues[number];
            let mut ids = queue.ids(place);
            if queue.scores(place).is_none() {
                ids.reverse();
            }
            for id in ids {
                let queue = &mut self.queues[number];
                queue.take_from(place, &id);
                if place == "active" {
                    queue.locks.remove(&id);
                }
                self.discard(number, &id);
            }
        }
        // What waits for children stays, and so do the rate limit and deduplication ids of others.
        let old = std::mem::take(&mut self.queues[number]);
        self.queues[number] = QueueState {
            base: old.base,
            waiting_children: old.waiting_children,
            limiter: old.limiter,
            owners: old.owners,
            held: old.held,
            jobs: old.jobs,
            locks: old.locks,
            logs: old.logs,
            dependencies: old.dependencies,
            processed: old.processed,
            ignored: old.ignored,
            unsuccessful: old.unsuccessful,
            ..QueueState::default()
        };
        0
    }
}
