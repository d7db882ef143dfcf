//! What must hold for a process to count as alive, and as ready.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::probe::{self, Answer, Probe};

/// How long a readiness check may take.
const READY_LIMIT: Duration = Duration::from_secs(2);

/// The checks behind `/healthz` and `/readyz`. What a check answers is shown to the operator.
#[derive(Default)]
pub struct Checks {
    alive: Vec<(String, AliveCheck)>,
    ready: Vec<Probe>,
    shown: Vec<Probe>,
}

type AliveCheck = Box<dyn Fn() -> Answer + Send + Sync>;

impl Checks {
    /// No checks: alive and ready as long as it answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something without which a restart is the only help, such as a loop that goes round.
    #[must_use]
    pub fn alive_if(
        mut self,
        name: impl Into<String>,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.alive.push((name.into(), Box::new(check)));
        self
    }

    /// Adds something that must answer before work makes sense, such as the database. One that
    /// takes longer than two seconds counts as failed.
    #[must_use]
    pub fn ready_if<F, Fut>(mut self, name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.ready.push(Probe::new(name, check));
        self
    }

    /// Adds something that is shown beside the others and decides nothing, because work goes on
    /// without it.
    #[must_use]
    pub fn shows<F, Fut>(mut self, name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.shown.push(Probe::new(name, check));
        self
    }

    /// `Err` names every check that failed and why, a line each.
    pub(super) fn alive(&self) -> Result<(), String> {
        let failed = |(name, check): &(String, AliveCheck)| {
            let reason = check().err()?;
            Some(format!("{name}: {reason}\n"))
        };
        let reasons: String = self.alive.iter().filter_map(failed).collect();
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(reasons)
        }
    }

    /// Whether everything that decides answers, and what each check answered.
    pub(super) async fn ready_now(&self) -> (bool, BTreeMap<String, Answer>) {
        let (mut answers, shown) = tokio::join!(
            probe::ask_all(&self.ready, READY_LIMIT),
            probe::ask_all(&self.shown, READY_LIMIT),
        );
        let is_ready = answers.values().all(Result::is_ok);
        answers.extend(shown);
        (is_ready, answers)
    }
}
