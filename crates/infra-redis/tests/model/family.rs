//! What happens to a parent when something happens to its child (4.0, 4.3).

use super::world::{JobRef, World, float};
use crate::engine::options::ChildFailure;

impl World {
    /// PARENT-UP.
    fn release_parent(&mut self, (number, id): &JobRef) {
        let now = self.now;
        let queue = &mut self.queues[*number];
        // An id without a job is dropped.
        let Some(job) = queue.jobs.get(id) else {
            return;
        };
        let (delay, priority) = (job.number("delay"), job.number("priority"));
        if delay > 0 {
            queue.delayed.put(id, float((now + delay) * 4096));
            queue.tell(&format!("delayed jobId={id} delay={}", now + delay));
            queue.wake_at_next_due();
            return;
        }
        if priority > 0 {
            queue.push_prioritized(id, priority);
        } else {
            queue.wait.push(id.clone());
        }
        queue.wake();
        queue.tell(&format!("waiting jobId={id} prev=waiting-children"));
    }

    /// PARENT-FREE.
    pub(super) fn free_parent(&mut self, parent: &JobRef) {
        let (number, id) = parent;
        let queue = &mut self.queues[*number];
        if !queue.is_waited_for(id)
            && queue.jobs.contains_key(id)
            && queue.waiting_children.take(id)
        {
            self.release_parent(parent);
        }
    }

    pub(super) fn child_completed(&mut self, number: usize, id: &str, value: &str) {
        let Some((parent, _)) = self.queues[number].jobs[id].parent.clone() else {
            return;
        };
        let key = self.queues[number].key(id);
        let queue = &mut self.queues[parent.0];
        if queue.take_dependency(&parent.1, &key) {
            let children = queue.processed.entry(parent.1.clone()).or_default();
            children.insert(key, value.to_owned());
            self.free_parent(&parent);
        }
    }

    pub(super) fn child_failed(&mut self, number: usize, id: &str, reason: &str) {
        let Some((parent, policy)) = self.queues[number].jobs[id].parent.clone() else {
            return;
        };
        let key = self.queues[number].key(id);
        let queue = &mut self.queues[parent.0];
        if policy == ChildFailure::Hold || !queue.take_dependency(&parent.1, &key) {
            return;
        }
        let note = |queue: &mut super::world::QueueState| {
            let children = queue.ignored.entry(parent.1.clone()).or_default();
            children.insert(key.clone(), reason.to_owned());
        };
        match policy {
            ChildFailure::FailParent => self.fail_parent(&parent, &key),
            ChildFailure::ContinueParent => {
                note(queue);
                if queue.waiting_children.take(&parent.1) {
                    self.release_parent(&parent);
                }
            }
            ChildFailure::Ignore => {
                note(queue);
                self.free_parent(&parent);
            }
            ChildFailure::Remove => self.free_parent(&parent),
            ChildFailure::Hold => {}
        }
    }

    fn fail_parent(&mut self, parent: &JobRef, child: &str) {
        let now = float(self.now);
        let (number, id) = parent;
        let queue = &mut self.queues[*number];
        queue
            .unsuccessful
            .entry(id.clone())
            .or_default()
            .put(child, now);
        let was_delayed = queue.delayed.take(id);
        let waited = queue.waiting_children.take(id) || was_delayed;
        let is_failed = queue.failed.0.contains_key(id);
        let Some(job) = queue.jobs.get_mut(id).filter(|_| waited || !is_failed) else {
            return;
        };
        job.set("defa", format!("child {child} failed"));
        if was_delayed {
            job.set("delay", 0);
        }
        if waited {
            self.release_parent(parent);
        }
    }

    /// DETACH.
    pub(super) fn detach(&mut self, number: usize, id: &str, is_hard: bool) {
        let job = self.queues[number].jobs.get(id);
        let Some((parent, _)) = job.and_then(|job| job.parent.clone()) else {
            return;
        };
        if !self.exists(&parent) {
            return;
        }
        let key = self.queues[number].key(id);
        let (parent_number, parent_id) = &parent;
        let queue = &mut self.queues[*parent_number];
        let is_last = queue.take_dependency(parent_id, &key) && !queue.is_waited_for(parent_id);
        if !is_last || !queue.waiting_children.take(parent_id) {
            return;
        }
        if is_hard && *parent_number == number {
            self.detach(number, parent_id, true);
            self.release_deduplication(number, parent_id);
            self.queues[number].drop_job(parent_id);
            return;
        }
        queue.wait.push(parent_id.clone());
        queue.wake();
        if !is_hard {
            queue.tell(&format!("waiting jobId={parent_id} prev=waiting-children"));
        }
    }
}
