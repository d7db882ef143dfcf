//! What the model knows: two queues of one installation, and what every operation is made of.

use std::collections::{BTreeMap, BTreeSet};

use super::keyspace::{Keyspace, Place};
use crate::engine::options::{ChildFailure, JobOptions};

/// A job: the number of its queue, and its id.
pub(super) type JobRef = (usize, String);

/// How long a key lives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Life {
    /// When it ends, in Unix milliseconds of the model.
    until: u64,
    /// How long it was given, in milliseconds: Valkey's own clock hardly moves within a case.
    pub(super) given: u64,
}

impl Life {
    pub(super) fn new(now: u64, given: u64) -> Self {
        let until = now + given;
        Self { until, given }
    }
}

/// A value that a key holds for a time; for ever if there is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fleeting {
    pub(super) value: String,
    pub(super) life: Option<Life>,
}

/// A sorted set: members and their scores.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores(pub(super) BTreeMap<String, f64>);

impl Scores {
    /// Members in the order of a sorted set: by score, then by name.
    pub(super) fn sorted(&self) -> Vec<(String, f64)> {
        let mut members: Vec<_> = self.0.clone().into_iter().collect();
        members.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        members
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.sorted().into_iter().map(|(id, _)| id).collect()
    }

    pub(super) fn lowest(&self) -> Option<f64> {
        self.sorted().first().map(|(_, score)| *score)
    }

    pub(super) fn take(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    pub(super) fn put(&mut self, id: &str, score: f64) {
        self.0.insert(id.to_owned(), score);
    }
}

/// A stored job.
#[derive(Debug, Clone, Default)]
pub(super) struct Job {
    pub(super) fields: BTreeMap<&'static str, String>,
    pub(super) parent: Option<(JobRef, ChildFailure)>,
    pub(super) lifo: bool,
}

impl Job {
    /// A field as a number; 0 where it is missing.
    pub(super) fn number(&self, field: &str) -> u64 {
        self.fields
            .get(field)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and texts are set alike"
    )]
    pub(super) fn set(&mut self, field: &'static str, value: impl ToString) {
        self.fields.insert(field, value.to_string());
    }

    pub(super) fn count(&mut self, field: &'static str) -> u64 {
        let count = self.number(field) + 1;
        self.set(field, count);
        count
    }
}

/// A job to be added.
#[derive(Debug, Clone)]
pub(super) struct NewJob {
    pub(super) options: JobOptions,
    pub(super) parent: Option<JobRef>,
    pub(super) data: String,
    pub(super) opts: String,
    pub(super) waits_for_children: bool,
    pub(super) is_in_flow: bool,
}

/// A job held back by `keepLastIfActive`, and the id that it was promised.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) job: NewJob,
}

/// Counts of finished jobs.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) count: u64,
    pub(super) previous: Option<(u64, u64)>,
    pub(super) points: Vec<u64>,
}

/// One queue. In lists the left end comes first.
#[derive(Debug, Clone, Default)]
pub(super) struct QueueState {
    pub(super) base: String,
    pub(super) has_event_limit: bool,
    pub(super) paused: bool,
    pub(super) concurrency: Option<usize>,
    pub(super) rate: Option<(u64, u64)>,
    pub(super) last_id: u64,
    pub(super) last_turn: u64,
    pub(super) wait: Vec<String>,
    pub(super) aside: Vec<String>,
    pub(super) active: Vec<String>,
    pub(super) prioritized: Scores,
    pub(super) delayed: Scores,
    pub(super) waiting_children: Scores,
    pub(super) completed: Scores,
    pub(super) failed: Scores,
    pub(super) marker: Scores,
    pub(super) events: Vec<String>,
    pub(super) stalled: BTreeSet<String>,
    pub(super) stalled_check: Option<Fleeting>,
    pub(super) limiter: Option<Fleeting>,
    pub(super) owners: BTreeMap<String, Fleeting>,
    pub(super) held: BTreeMap<String, Held>,
    pub(super) metrics: BTreeMap<&'static str, Counts>,
    pub(super) jobs: BTreeMap<String, Job>,
    pub(super) locks: BTreeMap<String, Fleeting>,
    pub(super) logs: BTreeMap<String, Vec<String>>,
    pub(super) dependencies: BTreeMap<String, BTreeSet<String>>,
    pub(super) processed: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) ignored: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) unsuccessful: BTreeMap<String, Scores>,
}

impl QueueState {
    pub(super) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn key(&self, id: &str) -> String {
        format!("{}{id}", self.base)
    }

    pub(super) fn tell(&mut self, event: &str) {
        self.events.push(format!("event={event}"));
    }

    /// GATE.
    pub(super) fn is_blocked(&self) -> bool {
        self.paused
            || self
                .concurrency
                .is_some_and(|most| self.active.len() >= most)
    }

    /// WAKE.
    pub(super) fn wake(&mut self) {
        if !self.is_blocked() {
            self.leave_marker();
        }
    }

    pub(super) fn leave_marker(&mut self) {
        self.marker.put("0", 0.0);
    }

    pub(super) fn next_due(&self) -> Option<f64> {
        self.delayed.lowest().map(|score| score / 4096.0)
    }

    /// WAKE-DELAY.
    pub(super) fn wake_at_next_due(&mut self) {
        if let Some(due) = self.next_due() {
            self.marker.put("1", due);
        }
    }

    pub(super) fn push_prioritized(&mut self, id: &str, priority: u64) {
        self.last_turn += 1;
        let score = (priority << 32) + self.last_turn % (1 << 32);
        self.prioritized.put(id, float(score));
    }

    /// Ready, behind the others.
    pub(super) fn push_ready(&mut self, id: &str, priority: u64) {
        if priority > 0 {
            self.push_prioritized(id, priority);
        } else {
            self.wait.insert(0, id.to_owned());
        }
    }

    /// DELAYED-IN without the marker.
    pub(super) fn push_delayed(&mut self, id: &str, due: u64) {
        let (first, last) = (float(due * 4096), float(due * 4096 + 4095));
        let scores = self.delayed.0.values();
        let highest = scores
            .copied()
            .filter(|score| (first..=last).contains(score))
            .max_by(f64::total_cmp);
        let score = highest.map_or(first, |highest| (highest + 1.0).min(last));
        self.delayed.put(id, score);
        self.tell(&format!("delayed jobId={id} delay={due}"));
    }

    /// DROP-KEYS; whether there were any.
    pub(super) fn drop_job(&mut self, id: &str) -> bool {
        let was_there = [
            self.jobs.remove(id).is_some(),
            self.logs.remove(id).is_some(),
            self.dependencies.remove(id).is_some(),
            self.processed.remove(id).is_some(),
            self.ignored.remove(id).is_some(),
            self.unsuccessful.remove(id).is_some(),
        ];
        was_there.contains(&true)
    }

    /// Whether children of a job are not done.
    pub(super) fn is_waited_for(&self, id: &str) -> bool {
        self.dependencies.contains_key(id)
    }

    /// Takes a child from those that are not done; whether it was among them.
    pub(super) fn take_dependency(&mut self, id: &str, child: &str) -> bool {
        let Some(children) = self.dependencies.get_mut(id) else {
            return false;
        };
        let was_there = children.remove(child);
        if children.is_empty() {
            self.dependencies.remove(id);
        }
        was_there
    }

    pub(super) fn add_dependency(&mut self, id: &str, child: String) {
        self.dependencies
            .entry(id.to_owned())
            .or_default()
            .insert(child);
    }

    fn forget_expired(&mut self, now: u64) {
        let lives = |key: &Fleeting| key.life.is_none_or(|life| life.until > now);
        self.locks.retain(|_, lock| lives(lock));
        self.owners.retain(|_, owner| lives(owner));
        self.limiter = self.limiter.take().filter(lives);
        self.stalled_check = self.stalled_check.take().filter(lives);
    }
}

/// Both queues, and what time it is.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) now: u64,
    pub(super) queues: [QueueState; 2],
}

impl World {
    pub(super) fn new(now: u64, bases: [&str; 2]) -> Self {
        Self {
            now,
            queues: bases.map(QueueState::new),
        }
    }

    /// Lets time pass, and with it what lives no longer.
    pub(super) fn advance(&mut self, millis: u64) {
        self.now += millis;
        for queue in &mut self.queues {
            queue.forget_expired(self.now);
        }
    }

    /// The job behind a key.
    pub(super) fn behind(&self, key: &str) -> JobRef {
        let of = |number: usize| Some((number, key.strip_prefix(&self.queues[number].base)?));
        let (number, id) = of(0).or_else(|| of(1)).expect("a key of one of the queues");
        (number, id.to_owned())
    }

    pub(super) fn exists(&self, (queue, id): &JobRef) -> bool {
        self.queues[*queue].jobs.contains_key(id)
    }

    /// The hash field `parent`.
    fn parent_json(&self, (queue, id): &JobRef, policy: ChildFailure) -> String {
        let queue = self.queues[*queue].base.trim_end_matches(':');
        let mut json = serde_json::json!({"id": id, "queueKey": queue});
        let policy = match policy {
            ChildFailure::Hold => return json.to_string(),
            ChildFailure::FailParent => "fpof",
            ChildFailure::ContinueParent => "cpof",
            ChildFailure::Ignore => "idof",
            ChildFailure::Remove => "rdof",
        };
        json[policy] = true.into();
        json.to_string()
    }

    fn hash_of(&self, job: &Job) -> BTreeMap<String, String> {
        let fields = job.fields.iter();
        let mut hash: BTreeMap<_, _> = fields
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        if let Some((parent, policy)) = &job.parent {
            let key = self.queues[parent.0].key(&parent.1);
            hash.insert("parentKey".to_owned(), key);
            hash.insert("parent".to_owned(), self.parent_json(parent, *policy));
        }
        hash
    }

    /// What stands in Valkey.
    pub(super) fn keyspace(&self) -> Keyspace {
        let mut keyspace = Keyspace::default();
        for queue in &self.queues {
            let mut place = Place::new(&mut keyspace, &queue.base);
            self.write(queue, &mut place);
        }
        keyspace
    }

    fn write(&self, queue: &QueueState, place: &mut Place<'_>) {
        let mut meta = BTreeMap::new();
        let mut set = |name: &str, value: Option<String>| {
            value.map(|value| meta.insert(name.to_owned(), value));
        };
        set(
            "opts.maxLenEvents",
            queue.has_event_limit.then(|| "10000".to_owned()),
        );
        set("paused", queue.paused.then(|| "1".to_owned()));
        set(
            "concurrency",
            queue.concurrency.map(|most| most.to_string()),
        );
        set("max", queue.rate.map(|rate| rate.0.to_string()));
        set("duration", queue.rate.map(|rate| rate.1.to_string()));
        place.hash("meta", &meta);
        place.number("id", queue.last_id);
        place.number("pc", queue.last_turn);
        place.list("wait", &queue.wait);
        place.list("paused", &queue.aside);
        place.list("active", &queue.active);
        place.scores("prioritized", &queue.prioritized);
        place.scores("delayed", &queue.delayed);
        place.scores("waiting-children", &queue.waiting_children);
        place.scores("completed", &queue.completed);
        place.scores("failed", &queue.failed);
        place.scores("marker", &queue.marker);
        place.stream("events", &queue.events);
        place.set("stalled", &queue.stalled);
        place.text("stalled-check", queue.stalled_check.as_ref());
        place.text("limiter", queue.limiter.as_ref());
        for (id, owner) in &queue.owners {
            place.text(&format!("de:{id}"), Some(owner));
        }
        for (id, held) in &queue.held {
            place.hash(&format!("dn:{id}"), &held.fields());
        }
        for (kind, counts) in &queue.metrics {
            place.hash(&format!("metrics:{kind}"), &counts.fields());
            let points: Vec<_> = counts.points.iter().map(u64::to_string).collect();
            place.list(&format!("metrics:{kind}:data"), &points);
        }
        for (id, job) in &queue.jobs {
            place.hash(id, &self.hash_of(job));
        }
        for (id, lock) in &queue.locks {
            place.text(&format!("{id}:lock"), Some(lock));
        }
        for (id, lines) in &queue.logs {
            place.list(&format!("{id}:logs"), lines);
        }
        for (id, children) in &queue.dependencies {
            place.set(&format!("{id}:dependencies"), children);
        }
        for (id, children) in &queue.processed {
            place.hash(&format!("{id}:processed"), children);
        }
        for (id, children) in &queue.ignored {
            place.hash(&format!("{id}:failed"), children);
        }
        for (id, children) in &queue.unsuccessful {
            place.scores(&format!("{id}:unsuccessful"), children);
        }
    }
}

impl Held {
    fn fields(&self) -> BTreeMap<String, String> {
        let fields = [
            ("name", "n"),
            ("data", &self.job.data),
            ("opts", &self.job.opts),
            ("jid", &self.id),
        ];
        fields
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }
}

impl Counts {
    fn fields(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::from([("count".to_owned(), self.count.to_string())]);
        if let Some((at, count)) = self.previous {
            fields.insert("prevTS".to_owned(), at.to_string());
            fields.insert("prevCount".to_owned(), count.to_string());
        }
        fields
    }
}

/// A score as Valkey keeps it: all those used here are whole and below 2^53.
#[expect(clippy::cast_precision_loss, reason = "below 2^53 nothing is lost")]
pub(super) fn float(score: u64) -> f64 {
    score as f64
}
