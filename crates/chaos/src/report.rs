//! What a run tells when it is over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::load::Told;
use crate::promises::Promise;
use crate::table::Table;

/// How often what happened.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) kills: u64,
    pub(crate) valkey: u64,
    pub(crate) postgres: u64,
    pub(crate) cuts: u64,
    pub(crate) answers: u64,
    pub(crate) silences: u64,
    pub(crate) delays: u64,
    pub(crate) ended: u64,
    /// How often it was noticed that Valkey holds other data.
    pub(crate) losses: u64,
    /// How long events were raised.
    pub(crate) load: Duration,
    /// The same, and until nothing moved any more.
    pub(crate) all: Duration,
}

/// What was done in a run.
pub(crate) struct Done<'a> {
    pub(crate) seed: u64,
    /// What Valkey kept, in words.
    pub(crate) kept: &'static str,
    /// Whose clocks were wrong, in words.
    pub(crate) clocks: String,
    pub(crate) tally: Tally,
    pub(crate) told: &'a Told,
}

impl Done<'_> {
    pub(crate) fn table(&self) -> String {
        let tally = &self.tally;
        let mut table = Table::new(&["what was done", ""]);
        let events = self.told.accepted();
        table.row([&"seed", &self.seed]);
        table.row([&"what Valkey kept when it was killed", &self.kept]);
        table.row([&"events accepted by `web`", &events]);
        table.row([
            &"requests refused, unanswered",
            &pair(
                self.told.refused.load(Ordering::SeqCst),
                self.told.unanswered.load(Ordering::SeqCst),
            ),
        ]);
        table.row([&"processes killed with SIGKILL", &tally.kills]);
        table.row([
            &"Valkey, Postgres killed and started again",
            &pair(tally.valkey, tally.postgres),
        ]);
        let cuts = tally.cuts + tally.answers + tally.silences;
        table.row([
            &"connections to Valkey broken: all cut, an answer lost, silent",
            &format!(
                "{cuts}: {}, {}, {}",
                tally.cuts, tally.answers, tally.silences
            ),
        ]);
        table.row([&"connections to Valkey slow for a while", &tally.delays]);
        table.row([&"clocks that were wrong", &self.clocks]);
        table.row([
            &"processes that ended by themselves and were started again",
            &tally.ended,
        ]);
        table.row([
            &"times that `web` noticed that Valkey may have lost data",
            &tally.losses,
        ]);
        table.row([
            &"seconds of load, until all was settled",
            &pair(tally.load.as_secs(), tally.all.as_secs()),
        ]);
        let millis = tally.all.as_millis().max(1);
        let a_second = u128::from(events) * 1000 / millis;
        table.row([&"events a second, over all of that", &a_second]);
        table.text()
    }
}

fn pair(first: u64, second: u64) -> String {
    format!("{first}, {second}")
}

/// The promises, and how often each was broken.
pub(crate) fn verdicts(promises: &[Promise]) -> String {
    let mut table = Table::new(&["promise", "looked at", "broken"]);
    for promise in promises {
        table.row([&promise.what, &promise.of, &promise.broken.len()]);
    }
    table.text()
}
