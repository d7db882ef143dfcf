//! The calls that settle jobs and claim others, several of them in flight at once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::WorkerSettings;
use super::round::{Claim, Expects, Round, settle_and_fetch};
use super::settlement::Settlement;
use super::trouble::Trouble;
use crate::engine::connection::Connection;
use crate::engine::error::EngineError;
use crate::engine::keys::QueueKeys;
use crate::engine::turn::let_others_go_on;

/// The waits between calls while Valkey is away.
const MIN_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// A call to be made.
pub(super) struct Call {
    pub(super) settlements: Vec<Settlement>,
    pub(super) claim: Claim,
    pub(super) expects: Expects,
    /// How many signals had been heard when it was made.
    pub(super) signals: u64,
}

/// A call that was answered, or given up.
pub(super) struct Answer {
    pub(super) call: Call,
    /// When it was sent that was answered.
    pub(super) asked_at: Instant,
    /// How long the answer took, if the call was made once.
    pub(super) took: Option<Duration>,
    /// Absent if it was given up.
    pub(super) round: Option<Round>,
}

/// The calls in flight. Each is made again until it is answered or given up.
pub(super) struct Calls {
    means: Arc<Means>,
    in_flight: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Those that came while another call was made.
    answers: VecDeque<Answer>,
    claiming: usize,
    settling: usize,
}

struct Means {
    connection: Connection,
    keys: QueueKeys,
    settings: WorkerSettings,
    trouble: Mutex<Trouble>,
}

impl Means {
    /// Tells what came of a call.
    fn tell(&self, outcome: Result<(), &EngineError>) {
        // A trouble is whole even if whoever told of it panicked.
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => trouble.end(),
            Err(error) => trouble.note(error),
        }
        if let Some(observer) = &self.settings.observer {
            observer.called(outcome);
            observer.beat();
        }
    }
}

impl Calls {
    pub(super) fn new(connection: Connection, keys: QueueKeys, settings: WorkerSettings) -> Self {
        let means = Means {
            trouble: Mutex::new(Trouble::of(keys.queue())),
            connection,
            keys,
            settings,
        };
        Self {
            means: Arc::new(means),
            in_flight: FuturesUnordered::new(),
            answers: VecDeque::new(),
            claiming: 0,
            settling: 0,
        }
    }

    /// How many have no answer that was taken.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len() + self.answers.len()
    }

    /// How many jobs those in flight may claim.
    pub(super) fn claiming(&self) -> usize {
        self.claiming
    }

    /// How many jobs those in flight settle.
    pub(super) fn settling(&self) -> usize {
        self.settling
    }

    /// A call that was made elsewhere was answered.
    pub(super) fn note_answer(&self) {
        self.means.tell(Ok(()));
    }

    /// Makes a call; once `give_up` is cancelled it is not made again.
    ///
    /// It is under way when this returns. If it went only when answers are waited for, answers that
    /// came together would all be taken first, and the server would have nothing to do meanwhile.
    pub(super) async fn make(&mut self, call: Call, give_up: CancellationToken) {
        self.claiming += call.claim.jobs;
        self.settling += call.settlements.len();
        let means = Arc::clone(&self.means);
        self.in_flight.push(Box::pin(make(means, call, give_up)));
        poll_fn(|context| {
            while let Poll::Ready(Some(answer)) = self.in_flight.poll_next_unpin(context) {
                self.answers.push_back(answer);
            }
            Poll::Ready(())
        })
        .await;
        if self.in_flight() > 1 {
            // The client's task writes it, before the answer to another one is taken.
            let_others_go_on().await;
        }
    }

    /// The next answer; absent if no call is in flight. Cancel-safe.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        let answer = match self.answers.pop_front() {
            Some(answer) => answer,
            None => self.in_flight.next().await?,
        };
        self.claiming -= answer.call.claim.jobs;
        self.settling -= answer.call.settlements.len();
        Some(answer)
    }
}

async fn make(means: Arc<Means>, mut call: Call, give_up: CancellationToken) -> Answer {
    let mut backoff = MIN_BACKOFF;
    loop {
        let asked_at = Instant::now();
        let result = settle_and_fetch(
            &means.connection,
            &means.keys,
            &means.settings,
            &call.settlements,
            &call.claim,
            call.expects,
        );
        match result.await {
            Ok(round) => {
                means.tell(Ok(()));
                let is_first = call.expects != Expects::LostCall;
                return Answer {
                    took: is_first.then(|| asked_at.elapsed()),
                    call,
                    asked_at,
                    round: Some(round),
                };
            }
            Err(error) => {
                means.tell(Err(&error));
                call.expects = Expects::LostCall;
                let wait = tokio::time::sleep(backoff);
                if give_up.run_until_cancelled(wait).await.is_none() {
                    return Answer {
                        call,
                        asked_at,
                        took: None,
                        round: None,
                    };
                }
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
        }
    }
}
