//! Tells a run of the demo to a person, chapter by chapter.

use std::collections::BTreeSet;
use std::io::{self, Sink, Write};

use super::report::{Check, Report, Requests, Took, Worker};
use super::saving::Saving;
use super::taking_back::TakingBack;

/// More cards than these are only summed up.
const CARDS_SHOWN: usize = 30;
const TITLE_WIDTH: usize = 60;

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Text alone.
    Plain,
    /// For a terminal.
    Coloured,
}

/// Writes what happened.
pub(crate) struct Narrator<W> {
    out: W,
    style: Style,
}

impl Narrator<Sink> {
    /// Says nothing.
    pub(crate) fn silent() -> Self {
        Self::new(io::sink(), Style::Plain)
    }
}

impl<W: Write> Narrator<W> {
    /// Writes to `out`.
    pub(crate) fn new(out: W, style: Style) -> Self {
        Self { out, style }
    }

    /// What is going to be played.
    pub(crate) fn plan(&mut self, report: &Report) -> io::Result<()> {
        let Report {
            url, source, links, ..
        } = report;
        writeln!(self.out, "Demo at {url} with {links} links of {source}")?;
        if !report.skipped.is_empty() {
            let skipped = report.skipped.iter();
            let skipped = skipped.map(|(reason, count)| format!("{count} {reason}"));
            let skipped = skipped.collect::<Vec<_>>().join(", ");
            writeln!(self.out, "  entries that were skipped: {skipped}")?;
        }
        self.out.flush()
    }

    /// Who takes part.
    pub(crate) fn curators(&mut self, report: &Report) -> io::Result<()> {
        self.title("Who takes part")?;
        for curator in &report.curators {
            writeln!(
                self.out,
                "  {}  {}  {}",
                curator.name, curator.handle, curator.part
            )?;
        }
        self.out.flush()
    }

    /// What they did, and what arrived.
    pub(crate) fn saving(&mut self, saving: &Saving) -> io::Result<()> {
        self.title("What they do, and how long the answers take")?;
        self.requests(&saving.requests)?;
        if saving.cards.len() <= CARDS_SHOWN {
            self.cards(saving)?;
        }
        self.title("What arrives, and how long after the answer")?;
        self.checks(&saving.checks)?;
        self.out.flush()
    }

    /// What was taken back, and what went.
    pub(crate) fn taking_back(&mut self, taking_back: &TakingBack) -> io::Result<()> {
        self.title("What they take back, and how long the answers take")?;
        self.requests(&taking_back.requests)?;
        self.title("What goes, and how long after the answer")?;
        self.checks(&taking_back.checks)?;
        self.out.flush()
    }

    /// How it ended, in one line.
    pub(crate) fn verdict(&mut self, report: &Report) -> io::Result<()> {
        let (all, took) = (report.checks.len(), report.took);
        let failed: Vec<_> = report.checks.iter().filter(|check| !check.passed).collect();
        let mark = self.mark(failed.is_empty());
        writeln!(self.out)?;
        if failed.is_empty() {
            writeln!(
                self.out,
                "{mark} All {all} checks passed in {took}: feed, notifications and analytics are all there"
            )?;
        } else {
            let places: BTreeSet<Worker> = failed.iter().map(|check| check.worker).collect();
            let places: Vec<_> = places.into_iter().map(Worker::place).collect();
            let (count, places) = (failed.len(), places.join("; at "));
            writeln!(
                self.out,
                "{mark} {count} of {all} checks failed after {took}: look at {places} \
                 (at web, where it runs with --embedded)"
            )?;
        }
        self.out.flush()
    }

    fn title(&mut self, title: &str) -> io::Result<()> {
        let title = self.painted("1", title);
        writeln!(self.out, "\n{title}")
    }

    fn requests(&mut self, requests: &[Requests]) -> io::Result<()> {
        for Requests { what, took } in requests {
            let what = padded(what, TITLE_WIDTH);
            writeln!(self.out, "  {what}  {took}")?;
        }
        Ok(())
    }

    fn cards(&mut self, saving: &Saving) -> io::Result<()> {
        writeln!(
            self.out,
            "\n  {}  {:>8}  {:>9}  {:>9}",
            padded("", TITLE_WIDTH),
            "saved",
            "in feed",
            "notified"
        )?;
        for card in &saving.cards {
            writeln!(
                self.out,
                "  {}  {:>8}  {:>9}  {:>9}",
                padded(&card.title, TITLE_WIDTH),
                card.saved,
                later(card.in_feed),
                later(card.notified)
            )?;
        }
        Ok(())
    }

    fn checks(&mut self, checks: &[Check]) -> io::Result<()> {
        for check in checks {
            let mark = self.mark(check.passed);
            let what = padded(&check.what, TITLE_WIDTH - 2);
            let took = check.took.map(|took| took.to_string()).unwrap_or_default();
            let worker = check.worker;
            writeln!(self.out, "  {mark} {what}  {took:<22}  {worker}")?;
            if let Some(detail) = &check.detail {
                writeln!(self.out, "    {detail}")?;
            }
            if let Some(problem) = &check.problem {
                writeln!(self.out, "    {problem}")?;
            }
        }
        Ok(())
    }

    fn mark(&self, is_good: bool) -> String {
        if is_good {
            self.painted("32", "✓")
        } else {
            self.painted("31", "✗")
        }
    }

    fn painted(&self, code: &str, text: &str) -> String {
        match self.style {
            Style::Plain => text.to_owned(),
            Style::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

fn later(took: Option<Took>) -> String {
    took.map_or_else(|| "never".to_owned(), |took| format!("+{took}"))
}

/// A text in exactly so many characters.
fn padded(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:width$}");
    }
    let start: String = text.chars().take(width - 1).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::demo::report::{CardStory, Curator, Source, Spread};

    fn took(micros: u64) -> Took {
        Took(Duration::from_micros(micros))
    }

    fn requests(what: &str, micros: &[u64]) -> Requests {
        Requests {
            what: what.to_owned(),
            took: Spread::of(micros.iter().copied().map(took)).unwrap(),
        }
    }

    fn card(title: &str, micros: u64) -> CardStory {
        CardStory {
            id: "0193".to_owned(),
            url: "https://example.org/".to_owned(),
            title: title.to_owned(),
            saved: took(micros),
            in_feed: Some(took(micros * 3)),
            notified: (micros < 10_000).then(|| took(micros * 4)),
        }
    }

    fn check(what: &str, worker: Worker, problem: Option<&str>) -> Check {
        Check::new(what, worker, problem.map(str::to_owned))
    }

    fn report(checks: Vec<Check>) -> Report {
        Report {
            url: "http://127.0.0.1:8080".to_owned(),
            source: Source::Own,
            links: 2,
            skipped: BTreeMap::from([("duplicate".to_owned(), 1), ("place:".to_owned(), 2)]),
            curators: vec![
                Curator {
                    name: "Ada",
                    handle: "ada-1c9e72b40a11".to_owned(),
                    part: "saves the links",
                },
                Curator {
                    name: "Ben",
                    handle: "ben-1c9e72b40a11".to_owned(),
                    part: "follows Ada",
                },
            ],
            requests: vec![requests(
                "Ada, Ben and Cyd register",
                &[31_000, 29_500, 40_100],
            )],
            cards: Vec::new(),
            passed: checks.iter().all(|check| check.passed),
            checks,
            took: took(1_234_567),
        }
    }

    fn saving() -> Saving {
        let feed = check(
            "Ben's home feed has each of the 2 cards once",
            Worker::Feed,
            None,
        );
        let told = "Ben was notified of each of the 2 cards once";
        let told = check(
            told,
            Worker::Notification,
            Some("1 of 2 missing: “A long title”"),
        );
        let counted = "The analytics counted each event exactly once";
        let counted = check(counted, Worker::Analytics, None);
        let long = "A title that is far too long to be shown whole, as some titles are";
        Saving {
            requests: vec![
                requests("Ada, Ben and Cyd register", &[31_000, 29_500, 40_100]),
                requests("Ben follows Ada", &[1_490]),
                requests("Ada saves 2 links, one after the other", &[2_100, 12_400]),
            ],
            cards: vec![card("Größe: what is “wide”?", 2_100), card(long, 12_400)],
            checks: vec![
                feed.after(Spread::of([took(6_300), took(37_200)])),
                told.after(Spread::of([took(8_400)])),
                counted
                    .finding("3 CardAddedToLibrary, 1 CuratorFollowed".to_owned())
                    .after(Spread::of([took(41_000)])),
            ],
        }
    }

    fn told(
        style: Style,
        tell: impl FnOnce(&mut Narrator<&mut Vec<u8>>) -> io::Result<()>,
    ) -> String {
        let mut out = Vec::new();
        tell(&mut Narrator::new(&mut out, style)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_run_is_told_chapter_by_chapter() {
        let saving = saving();
        let taking_back = TakingBack {
            requests: vec![requests("Ada removes “Größe”", &[1_800])],
            checks: vec![
                check("Ben's home feed is rid of Ada's cards", Worker::Feed, None)
                    .after(Spread::of([took(5_500)])),
            ],
        };
        let report = report(vec![check("a", Worker::Feed, None)]);
        let text = told(Style::Plain, |narrator| {
            narrator.plan(&report)?;
            narrator.curators(&report)?;
            narrator.saving(&saving)?;
            narrator.taking_back(&taking_back)?;
            narrator.verdict(&report)
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_verdict_names_where_to_look_once_each() {
        let report = report(vec![
            check("a", Worker::Notification, Some("it is missing")),
            check("b", Worker::Analytics, None),
            check("c", Worker::Notification, Some("it is missing")),
            check("d", Worker::Feed, Some("2 still there")),
        ]);
        let text = told(Style::Plain, |narrator| narrator.verdict(&report));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn colours_are_only_added() {
        let saving = saving();
        let plain = told(Style::Plain, |narrator| narrator.saving(&saving));
        let coloured = told(Style::Coloured, |narrator| narrator.saving(&saving));
        assert!(!plain.contains('\u{1b}'));
        assert!(coloured.contains("\u{1b}[32m✓\u{1b}[0m Ben's"));
        let codes = ["\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[0m"];
        let bare = codes
            .iter()
            .fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(bare, plain);
    }

    #[test]
    fn the_report_is_json_with_the_same_facts() {
        let mut report = report(saving().checks);
        report.cards = saving().cards;
        insta::assert_json_snapshot!(report);
    }
}
