//! What is done to a queue and its jobs by hand, on both sides.

use super::engine::flag;
use super::keyspace::texts;
use super::ops::{Op, Pick};
use super::run::{Outcomes, Run, same};
use super::world::World;
use crate::engine::scripts;

/// The places of each state.
const PLACES: [&[&str]; 6] = [
    &["paused", "wait"],
    &["prioritized"],
    &["delayed"],
    &["active"],
    &["completed"],
    &["failed"],
];

impl Run {
    /// What is done to a queue.
    pub(super) async fn maintain(&mut self, op: &Op) -> Outcomes {
        use crate::engine::FinishedState::{Completed, Failed};
        let state = |has_failed: &bool| if *has_failed { Failed } else { Completed };
        let now = self.model.now;
        match op {
            Op::Pause { queue } => {
                self.model.queues[*queue].pause();
                self.engine.queue(*queue).pause().await.unwrap();
            }
            Op::PutAside { queue } => self.put_aside(*queue).await,
            Op::Resume { queue } => {
                self.model.queues[*queue].resume();
                self.engine.queue(*queue).resume().await.unwrap();
            }
            Op::Concurrency { queue, most } => {
                self.model.queues[*queue].concurrency = *most;
                let most = most.map(|most| most.to_string());
                self.configure(*queue, &[("concurrency", most)]).await;
            }
            Op::RateLimit { queue, limit } => {
                self.model.queues[*queue].rate = *limit;
                let max = limit.map(|limit| limit.0.to_string());
                let duration = limit.map(|limit| limit.1.to_string());
                self.configure(*queue, &[("max", max), ("duration", duration)])
                    .await;
            }
            Op::PromoteAll { queue } => {
                let moved = self
                    .engine
                    .in_chunks(*queue, &scripts::PROMOTE_JOBS, &[])
                    .await;
                return same(self.model.queues[*queue].promote_all(), moved);
            }
            Op::RetryAll {
                queue,
                has_failed,
                ago,
            } => {
                let (state, until) = (state(has_failed).as_str(), now - ago);
                let args = [state, &until.to_string()];
                let moved = self
                    .engine
                    .in_chunks(*queue, &scripts::RETRY_JOBS, &args)
                    .await;
                return same(self.model.retry_all(*queue, state, until), moved);
            }
            Op::Drain {
                queue,
                with_delayed,
            } => {
                let removed = self.engine.drain(*queue, *with_delayed).await;
                return same(self.model.drain(*queue, *with_delayed), removed);
            }
            Op::Clean {
                queue,
                state,
                grace,
                most,
            } => {
                let (places, cutoff) = (PLACES[*state], now - grace);
                let removed = self.engine.clean(*queue, places, cutoff, *most).await;
                return same(self.model.clean(*queue, places, cutoff, *most), removed);
            }
            Op::Obliterate { queue, is_forced } => {
                let args = ["1000", flag(*is_forced)];
                let code = self.engine.code(*queue, &scripts::OBLITERATE, &args).await;
                return same(self.model.obliterate(*queue, *is_forced), code);
            }
            other => return self.change_job(other).await,
        }
        Ok(())
    }

    async fn configure(&self, queue: usize, fields: &[(&str, Option<String>)]) {
        let meta = self.engine.keys[queue].job("meta");
        for (name, value) in fields {
            match value {
                Some(value) => self.engine.command("HSET", &[&meta, name, value]).await,
                None => self.engine.command("HDEL", &[&meta, name]).await,
            };
        }
    }

    /// Only where it loses nothing: the list there would be overwritten.
    async fn put_aside(&mut self, queue: usize) {
        let state = &mut self.model.queues[queue];
        if !state.aside.is_empty() || state.wait.is_empty() {
            return;
        }
        state.put_aside();
        let key = |name: &str| self.engine.keys[queue].job(name);
        let commands: [(&'static str, &[&str]); 4] = [
            ("RENAME", &[&key("wait"), &key("paused")]),
            ("HSET", &[&key("meta"), "paused", "1"]),
            ("DEL", &[&key("marker")]),
            ("XADD", &[&key("events"), "*", "event", "paused"]),
        ];
        for (command, args) in commands {
            self.engine.command(command, args).await;
        }
    }

    /// What takes a job from one state to another, or away.
    async fn change_job(&mut self, op: &Op) -> Outcomes {
        match op {
            Op::Promote { queue, job } => {
                let id = self.pick(*queue, *job, |model| model.queues[*queue].delayed.ids());
                let code = self.engine.code(*queue, &scripts::PROMOTE, &[&id]).await;
                same(self.model.queues[*queue].promote(&id), code)
            }
            Op::Remove {
                queue,
                job,
                with_children,
            } => {
                let job = (*queue, self.any(*queue, *job));
                let code = self.engine.remove(*queue, &job.1, *with_children).await;
                same(self.model.remove(&job, *with_children), code)
            }
            Op::RemoveUnprocessedChildren { queue, job } => {
                let waits = |model: &World| model.queues[*queue].waiting_children.ids();
                let id = self.pick(*queue, *job, waits);
                let removal = self.engine.queue(*queue);
                removal.remove_unprocessed_children(&id).await.unwrap();
                self.model.remove_unprocessed_children(&(*queue, id));
                Ok(())
            }
            Op::RemoveChildDependency { queue, job } => {
                let children = |model: &World| {
                    let jobs = model.queues[*queue].jobs.iter();
                    let children = jobs.filter(|(_, job)| job.parent.is_some());
                    children.map(|(id, _)| id.clone()).collect()
                };
                let id = self.pick(*queue, *job, children);
                let script = &scripts::REMOVE_CHILD_DEPENDENCY;
                let reply = texts(self.engine.call(*queue, script, &[&id]).await);
                let code = self.model.remove_child_dependency(*queue, &id);
                same(code.to_string(), reply[0].clone())
            }
            Op::Retry {
                queue,
                job,
                has_failed,
                reset,
            } => {
                let state = if *has_failed { "failed" } else { "completed" };
                let finished = |model: &World| model.queues[*queue].clone().finished(state).ids();
                let id = self.pick(*queue, *job, finished);
                let args = [&id, state, flag(reset.0), flag(reset.1)];
                let code = self.engine.code(*queue, &scripts::RETRY_JOB, &args).await;
                same(self.model.retry(*queue, &id, state, *reset), code)
            }
            other => self.change_field(other).await,
        }
    }

    /// What leaves a job where it is, or moves it within its state.
    async fn change_field(&mut self, op: &Op) -> Outcomes {
        let now = self.model.now;
        match op {
            Op::ChangePriority {
                queue,
                job,
                priority,
                is_first,
            } => {
                let id = self.any(*queue, *job);
                let args = [&id, priority.to_string().as_str(), flag(*is_first)].map(str::to_owned);
                let args = args.each_ref().map(String::as_str);
                let code = self
                    .engine
                    .code(*queue, &scripts::CHANGE_PRIORITY, &args)
                    .await;
                let queue = &mut self.model.queues[*queue];
                same(
                    queue.change_priority(&id, (*priority).into(), *is_first),
                    code,
                )
            }
            Op::ChangeDelay { queue, job, delay } => {
                let id = self.pick(*queue, *job, |model| model.queues[*queue].delayed.ids());
                let args = [id.clone(), delay.to_string(), now.to_string()];
                let args = args.each_ref().map(String::as_str);
                let code = self
                    .engine
                    .code(*queue, &scripts::CHANGE_DELAY, &args)
                    .await;
                same(
                    self.model.queues[*queue].change_delay(&id, *delay, now),
                    code,
                )
            }
            Op::UpdateData { queue, job } => {
                let id = self.any(*queue, *job);
                let code = self
                    .engine
                    .code(*queue, &scripts::UPDATE_DATA, &[&id, "7"])
                    .await;
                same(self.model.queues[*queue].update_data(&id, "7"), code)
            }
            Op::UpdateProgress { queue, job } => {
                let id = self.any(*queue, *job);
                let code = self
                    .engine
                    .code(*queue, &scripts::UPDATE_PROGRESS, &[&id, "50"])
                    .await;
                same(self.model.queues[*queue].update_progress(&id, "50"), code)
            }
            Op::AddLog { queue, job, keep } => {
                let id = self.any(*queue, *job);
                let args = [&id, "a line", &keep.to_string()];
                let code = self.engine.code(*queue, &scripts::ADD_LOG, &args).await;
                same(
                    self.model.queues[*queue].add_log(&id, "a line", *keep),
                    code,
                )
            }
            Op::ReleaseDeduplication { queue, job } => {
                let owners = |model: &World| {
                    let owners = model.queues[*queue].owners.values();
                    owners.map(|owner| owner.value.clone()).collect()
                };
                let id = self.pick(*queue, *job, owners);
                let script = &scripts::RELEASE_DEDUPLICATION;
                let code = self.engine.code(*queue, script, &[&id]).await;
                same(self.model.queues[*queue].forget_owner(&id), code)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn any(&self, queue: usize, job: Pick) -> String {
        self.pick(queue, job, |model| {
            model.queues[queue].jobs.keys().cloned().collect()
        })
    }
}
