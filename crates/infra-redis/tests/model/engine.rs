//! The engine's side: the same operations, sent to Valkey at the model's time.

use super::keyspace::{Keyspace, items, text, texts};
use super::working::{Claim, Claimed, Outcome, POINTS, Settlement, keeps_metrics};
use super::world::NewJob;
use crate::engine::Queue;
use crate::engine::connection::Connection;
use crate::engine::keys::{QueueId, QueueKeys};
use crate::engine::producer::{self, EncodedJob, Placement};
use crate::engine::reply::Reply;
use crate::engine::script_tests::{FIELDS, ID, settlement_args};
use crate::engine::scripts::{self, Script};

/// How many jobs a script may look at; few, so that an operation takes several calls.
const CHUNK: &str = "2";

pub(super) struct Engine {
    pub(super) connection: Connection,
    pub(super) prefix: String,
    pub(super) ids: [QueueId; 2],
    pub(super) keys: [QueueKeys; 2],
}

impl Engine {
    pub(super) fn new(connection: Connection) -> Self {
        let prefix = testkit::valkey::unique_prefix();
        let ids = ["q", "other"].map(|name| QueueId::parse(&prefix, name).unwrap());
        Self {
            connection,
            prefix,
            keys: ids.each_ref().map(QueueKeys::new),
            ids,
        }
    }

    pub(super) async fn keyspace(&self) -> Keyspace {
        Keyspace::read(&self.connection, &self.prefix).await
    }

    pub(super) async fn command(&self, command: &'static str, args: &[&str]) -> Reply {
        let args = args.iter().map(ToString::to_string).collect();
        self.connection.command(command, args).await.unwrap()
    }

    pub(super) async fn call(&self, number: usize, script: &Script, args: &[&str]) -> Reply {
        let args = args.iter().map(ToString::to_string);
        script
            .call(&self.connection, &self.keys[number], args)
            .await
            .unwrap()
    }

    pub(super) async fn code(&self, number: usize, script: &Script, args: &[&str]) -> i64 {
        int(&self.call(number, script, args).await)
    }

    pub(super) fn queue(&self, number: usize) -> Queue<serde_json::Value> {
        Queue::new(self.connection.clone(), self.ids[number].clone())
    }

    /// Adds jobs through the encoding that every producer uses; the id of each, or why not.
    pub(super) async fn add(&self, jobs: &[(usize, NewJob)]) -> Vec<Result<String, String>> {
        let encode = |(number, job): &(usize, NewJob)| {
            let placement = Placement {
                waits_for_children: job.waits_for_children,
                is_in_flow: job.is_in_flow,
            };
            let data: serde_json::Value = serde_json::from_str(&job.data).unwrap();
            let keys = &self.keys[*number];
            EncodedJob::new(keys, "n", &data, &job.options, placement).unwrap()
        };
        let jobs: Vec<_> = jobs.iter().map(encode).collect();
        let results = producer::add(&self.connection, &jobs).await.unwrap();
        let results = results.into_iter();
        results
            .map(|result| result.map_err(|error| error.to_string()))
            .collect()
    }

    pub(super) async fn settle_and_claim(
        &self,
        number: usize,
        now: u64,
        settlements: &[Settlement],
        claim: &Claim,
    ) -> (Vec<i64>, Claimed) {
        let limit = claim
            .limit
            .map(|(max, window)| (max.to_string(), window.to_string()));
        let points = keeps_metrics(number).then(|| POINTS.to_string());
        let limits = match (limit, points) {
            (None, None) => String::new(),
            (limit, points) => {
                let (max, window) = limit.unwrap_or_default();
                format!("{max}:{window}:{}", points.unwrap_or_default())
            }
        };
        let mut args = vec![
            now.to_string(),
            format!("{}|{limits}|{}", claim.lock_millis, claim.worker),
            if claim.is_repeated { "lost" } else { "" }.to_owned(),
            claim.tokens.len().to_string(),
            settlements.len().to_string(),
        ];
        args.extend(settlements.iter().flat_map(arguments));
        args.extend(claim.tokens.iter().cloned());
        let queues = [&self.keys[number]];
        let called = scripts::SETTLE_AND_FETCH
            .call_for(&self.connection, &queues, |call| call.extend(&args))
            .await;
        let reply = items(called.unwrap());
        let [rest @ .., limited_for, due] = &reply[..] else {
            panic!("not two times: {reply:?}")
        };
        let (jobs, codes) = rest.split_at(rest.len() - settlements.len());
        let claimed = Claimed {
            ids: jobs.chunks(FIELDS).map(|job| text(&job[ID])).collect(),
            is_limited: int(limited_for) > 0,
            due: text(due).parse().unwrap(),
            // Not told: it only keeps the end of the queue from being announced.
            is_blocked: false,
        };
        (codes.iter().map(int).collect(), claimed)
    }

    /// Repeats a script that tells how many jobs it looked at and how many it moved.
    pub(super) async fn in_chunks(&self, number: usize, script: &Script, args: &[&str]) -> usize {
        let args: Vec<_> = args.iter().copied().chain([CHUNK]).collect();
        let mut moved = 0;
        loop {
            let counts = texts(self.call(number, script, &args).await);
            moved += counts[1].parse::<usize>().unwrap();
            if counts[0] != CHUNK {
                return moved;
            }
        }
    }

    pub(super) async fn remove(&self, number: usize, id: &str, with_children: bool) -> i64 {
        let with_children = flag(with_children);
        let mut is_first = true;
        loop {
            let args = [id, with_children, CHUNK, flag(is_first)];
            match self.code(number, &scripts::REMOVE_JOB, &args).await {
                2 => is_first = false,
                code => return code,
            }
        }
    }

    pub(super) async fn drain(&self, number: usize, with_delayed: bool) -> usize {
        let mut removed = 0;
        for place in ["wait", "paused", "delayed", "prioritized"] {
            let mut kept = 0;
            while kept >= 0 && (with_delayed || place != "delayed") {
                let args = [place, &kept.to_string(), CHUNK];
                let counts = items(self.call(number, &scripts::DRAIN, &args).await);
                kept = int(&counts[0]);
                removed += usize::try_from(int(&counts[1])).unwrap();
            }
        }
        removed
    }

    pub(super) async fn clean(
        &self,
        number: usize,
        places: &[&str],
        cutoff: u64,
        most: usize,
    ) -> Vec<String> {
        let mut removed = Vec::new();
        for (at, place) in places.iter().enumerate() {
            let is_last = flag(at + 1 == places.len());
            let mut kept = 0;
            while kept >= 0 {
                let left = (most - removed.len()).to_string();
                let counts = [
                    cutoff.to_string(),
                    kept.to_string(),
                    removed.len().to_string(),
                ];
                let args = [
                    *place, &counts[0], &counts[1], CHUNK, &left, &counts[2], is_last,
                ];
                let reply = items(self.call(number, &scripts::CLEAN, &args).await);
                kept = int(&reply[0]);
                removed.extend(texts(reply[1].clone()));
            }
            if kept == -2 {
                break;
            }
        }
        removed
    }

    /// Forgets everything.
    pub(super) async fn clear(&self) {
        let Keyspace(keys) = self.keyspace().await;
        let keys: Vec<_> = keys.keys().map(String::as_str).collect();
        if !keys.is_empty() {
            self.command("UNLINK", &keys).await;
        }
    }
}

pub(super) const fn flag(is_set: bool) -> &'static str {
    if is_set { "1" } else { "0" }
}

pub(super) fn int(reply: &Reply) -> i64 {
    match reply {
        Reply::Int(number) => *number,
        other => panic!("not a number: {other:?}"),
    }
}

fn arguments(end: &Settlement) -> Vec<String> {
    let (kind, delay, is_flagged) = match end.outcome {
        Outcome::Completed => ("completed", 0, false),
        Outcome::Failed => ("failed", 0, false),
        Outcome::Retry { lifo } => ("retry", 0, lifo),
        Outcome::Delay { millis, is_attempt } => ("delay", millis, is_attempt),
        Outcome::Release => ("release", 0, false),
        Outcome::WaitForChildren => ("wait-for-children", 0, false),
        Outcome::Limit { millis } => ("limit", millis, false),
    };
    let (count, age, limit) = end.keep;
    let numbers = [count, age, i64::try_from(limit).unwrap()].map(|number| number.to_string());
    let [count, age, limit] = &numbers;
    settlement_args(&[
        kind,
        &end.id,
        &end.token,
        end.value,
        end.stacktrace,
        &end.attempts.to_string(),
        count,
        age,
        limit,
        &delay.to_string(),
        flag(is_flagged),
    ])
}
