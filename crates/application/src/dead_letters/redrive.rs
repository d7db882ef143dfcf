//! Sends dead letters on their way again.

use std::sync::Arc;
use std::time::Duration;

use domain::event::dead_letter::{
    DeadLetter, DeadLetterId, LetterState, RedriveError, RedriveRoad,
};
use tokio::time::MissedTickBehavior;

use super::{DeadLetterError, DeadLetters};
use crate::events::chain;

/// Sends letters back to their queues.
#[derive(Clone)]
pub struct Redrive {
    letters: DeadLetters,
    road: Arc<dyn RedriveRoad>,
}

/// What became of a redrive.
#[derive(Debug, Default)]
pub struct RedriveReport {
    /// The letters that were sent.
    pub sent: Vec<DeadLetterId>,
    /// Those that were not, and why.
    pub refused: Vec<(DeadLetterId, String)>,
}

impl Redrive {
    /// Sends letters along this road.
    pub fn new(letters: DeadLetters, road: Arc<dyn RedriveRoad>) -> Self {
        Self { letters, road }
    }

    /// Sends letters that are dead, or were redriven and not heard of since; `pause` lies between
    /// the starts of two. A letter that can't be sent keeps no other from it, but where the queues
    /// or storage can't be reached, the rest is left as it is.
    ///
    /// A letter is sent first and noted then: after a crash in between it is dead still, and
    /// sending it again is harmless.
    pub async fn send(
        &self,
        letters: &[DeadLetterId],
        pause: Duration,
    ) -> Result<RedriveReport, DeadLetterError> {
        // An interval of nothing is none.
        let mut pace = tokio::time::interval(pause.max(Duration::from_micros(1)));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut report = RedriveReport::default();
        for (place, id) in letters.iter().enumerate() {
            pace.tick().await;
            match self.send_one(*id).await? {
                Ok(()) => report.sent.push(*id),
                Err(RedriveError::Refused(reason)) => report.refused.push((*id, reason)),
                Err(error @ RedriveError::Unavailable(_)) => {
                    let rest = &letters[place..];
                    let reason = chain(&error);
                    report
                        .refused
                        .extend(rest.iter().map(|id| (*id, reason.clone())));
                    break;
                }
            }
        }
        Ok(report)
    }

    async fn send_one(
        &self,
        id: DeadLetterId,
    ) -> Result<Result<(), RedriveError>, DeadLetterError> {
        // Much may have happened since the letter was chosen.
        let letter = match self.letters.find(id).await {
            Ok(letter) => letter,
            Err(error @ DeadLetterError::Unknown(_)) => {
                return Ok(Err(RedriveError::Refused(error.to_string())));
            }
            Err(error) => return Err(error),
        };
        if !matches!(letter.state, LetterState::Dead | LetterState::Redriven) {
            return Ok(Err(RedriveError::Refused(format!(
                "it is {}",
                letter.state
            ))));
        }
        if let Err(error) = self.road.send(&letter).await {
            return Ok(Err(error));
        }
        self.note(&letter).await?;
        Ok(Ok(()))
    }

    /// If the letter changed since it was read, its handler was faster, and that stands.
    async fn note(&self, letter: &DeadLetter) -> Result<(), DeadLetterError> {
        let mut work = self.letters.store.begin().await?;
        let now = self.letters.clock.now();
        let state = LetterState::Redriven;
        work.dead_letters().bring_to(letter, state, now).await?;
        Ok(work.commit().await?)
    }
}
