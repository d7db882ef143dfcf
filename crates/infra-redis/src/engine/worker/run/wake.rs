//! How a worker falls asleep, and what it does when it is woken.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{MAX_CLAIMS, Runner};
use crate::engine::processor::Processor;
use crate::engine::worker::calls::Call;
use crate::engine::worker::look::{Look, instant_of, may_have_work, pass_on};
use crate::engine::worker::round::Expects;
use crate::engine::worker::settlement::Settlement;
use crate::engine::worker::waker::{LateClaim, Signal, Wake};

impl<P: Processor> Runner<P> {
    /// Goes to sleep until somebody tells of work, if that is what is left to do. Where jobs came
    /// lately and none is known to be due later, the sleep claims what it is ended for; no other call
    /// claims for those slots meanwhile.
    pub(super) fn sleep(&mut self) {
        if self.waker.is_asleep() || self.report.is_some() || !self.is_waiting_for_work() {
            return;
        }
        let claims = self.expects_more && self.look == Look::Later(None);
        let claim = claims.then(|| self.claim(self.room().min(MAX_CLAIMS)));
        self.waker.sleep(claim);
    }

    pub(super) async fn wake(&mut self, wake: Wake, give_up: &CancellationToken) {
        self.expects_more = wake.signal != Signal::Nothing;
        match wake.claimed {
            Some(claimed) => self.take_late(wake.signal, claimed, give_up).await,
            // Somebody else can act on it.
            None if self.report.is_some() => {
                pass_on(&self.connection, &self.keys, wake.signal).await;
            }
            None => self.heed(wake.signal).await,
        }
    }

    /// Takes what the claim behind a sleep brought.
    async fn take_late(&mut self, signal: Signal, late: LateClaim, give_up: &CancellationToken) {
        let LateClaim {
            claim,
            asked_at,
            round,
        } = late;
        if signal != Signal::Nothing {
            self.signals += 1;
        }
        let mut call = Call {
            settlements: Vec::new(),
            claim,
            expects: Expects::EndOfSleep,
            signals: self.signals,
        };
        match round {
            Ok(round) if self.report.is_some() => {
                let now = std::time::Instant::now();
                let jobs = round.jobs.into_iter().map(Arc::new).rev();
                self.ended
                    .extend(jobs.map(|job| Settlement::hand_back(job, now)));
            }
            Ok(round) => {
                self.calls.note_answer();
                self.take_round(&call, round, asked_at);
            }
            Err(error) => {
                debug!(%error, "The claim behind a sleep has no answer");
                if self.report.is_some() {
                    return;
                }
                // It may have been performed all the same.
                call.expects = Expects::LostCall;
                self.send(call, give_up.clone()).await;
            }
        }
    }

    /// Acts on a signal.
    async fn heed(&mut self, signal: Signal) {
        match signal {
            Signal::Work if self.room() == 0 => {
                pass_on(&self.connection, &self.keys, signal).await;
                self.signals += 1;
                self.look = Look::Now;
            }
            Signal::Nothing
                if self.is_idle() && !may_have_work(&self.connection, &self.keys).await => {}
            Signal::Work | Signal::Nothing => self.look_now(),
            Signal::At(due) => {
                if let Look::Later(at) = self.look {
                    let due = instant_of(due);
                    self.look = Look::Later(Some(at.map_or(due, |at| at.min(due))));
                }
                self.signals += 1;
            }
        }
    }

    /// Where it is time to look, and only the claim behind a sleep has slots for what there is, lets
    /// that one look: ends the sleep as anybody would who has work.
    pub(super) async fn rouse(&mut self) {
        if self.look == Look::Now && self.room() == 0 && self.waker.claiming() > 0 {
            self.look = Look::Later(None);
            pass_on(&self.connection, &self.keys, Signal::Work).await;
        }
    }

    fn look_now(&mut self) {
        self.signals += 1;
        if !matches!(self.look, Look::NotBefore(_)) {
            self.look = Look::Now;
        }
    }

    /// There is room for a job, and none is expected before somebody tells of one. Near the server
    /// the answer of a call is not held up for this: a signal that comes meanwhile stays there.
    fn is_waiting_for_work(&self) -> bool {
        matches!(self.look, Look::Later(_))
            && self.room() > 0
            && (self.calls.in_flight() == 0 || self.pace.is_far())
    }
}
