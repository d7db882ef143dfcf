//! The demo: a real flow over HTTP, and whether everything it causes arrives.
//!
//! It knows Bellwether only as a client does. Ada saves links, Ben follows her, Cyd has saved one of
//! the links before. Then Ben's feed, everybody's notifications and the analytics must show all of
//! that, each exactly once, which is the work of three workers; and what Ada and Ben take back must
//! go again.

mod analytics;
mod api;
mod arrivals;
pub(crate) mod bookmarks;
mod checks;
pub(crate) mod narrator;
pub(crate) mod report;
mod saving;
mod session;
mod stage;
mod taking_back;

use std::io::Write;
use std::time::{Duration, Instant};

use reqwest::Url;

use self::bookmarks::Bookmarks;
use self::narrator::Narrator;
use self::report::{Report, Source, Took};
use self::stage::Stage;

/// What is played.
pub(crate) struct Plan {
    /// The server's address, with a slash at its end.
    pub(crate) url: Url,
    /// What Ada saves; at least one link.
    pub(crate) bookmarks: Bookmarks,
    /// Where the bookmarks are from.
    pub(crate) source: Source,
    /// How long nothing new may arrive before the rest counts as missing.
    pub(crate) patience: Duration,
}

/// Plays it, and tells each chapter when it is over.
pub(crate) async fn play<W: Write>(
    plan: Plan,
    narrator: &mut Narrator<W>,
) -> anyhow::Result<Report> {
    let started = Instant::now();
    let mut report = Report::of(&plan);
    narrator.plan(&report)?;

    let mut stage = Stage::set(plan.url, plan.patience).await?;
    report.curators = stage.curators();
    narrator.curators(&report)?;

    let saving = saving::play(&mut stage, &plan.bookmarks.links).await?;
    narrator.saving(&saving)?;
    report.cards = saving.cards;
    report.requests.extend(saving.requests);
    report.checks.extend(saving.checks);

    // Nothing can be seen to go that never came.
    if report.has_passed() {
        let taking_back = taking_back::play(&mut stage, &report.cards).await?;
        narrator.taking_back(&taking_back)?;
        report.requests.extend(taking_back.requests);
        report.checks.extend(taking_back.checks);
    }

    report.passed = report.has_passed();
    report.took = Took(started.elapsed());
    narrator.verdict(&report)?;
    Ok(report)
}
