//! What a run of the demo did and found: the facts that people and programs are shown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Plan;

/// Everything about a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// The server's address.
    pub(crate) url: String,
    /// Where the bookmarks are from.
    pub(crate) source: Source,
    /// How many links Ada saves.
    pub(crate) links: usize,
    /// How many entries of the bookmark file were skipped, by reason.
    pub(crate) skipped: BTreeMap<String, usize>,
    /// Who takes part.
    pub(crate) curators: Vec<Curator>,
    /// What they did.
    pub(crate) requests: Vec<Requests>,
    /// What became of each of Ada's cards.
    pub(crate) cards: Vec<CardStory>,
    /// What was looked at.
    pub(crate) checks: Vec<Check>,
    /// Whether everything was as it must be.
    pub(crate) passed: bool,
    /// How long all of it took.
    #[serde(rename = "tookMs")]
    pub(crate) took: Took,
}

/// Where bookmarks are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// They come with the program.
    Own,
    /// A file.
    File(String),
}

/// Somebody who takes part.
#[derive(Debug, Serialize)]
pub(crate) struct Curator {
    /// What the story calls them.
    pub(crate) name: &'static str,
    /// Their handle, of which every run has new ones.
    pub(crate) handle: String,
    /// What they are there for.
    pub(crate) part: &'static str,
}

/// Requests of one kind, and how long they took.
#[derive(Debug, Serialize)]
pub(crate) struct Requests {
    /// What was asked for.
    pub(crate) what: String,
    /// How long that took.
    #[serde(flatten)]
    pub(crate) took: Spread,
}

/// What became of a card; the times after the first count from the answer to saving it.
#[derive(Debug, Serialize)]
pub(crate) struct CardStory {
    /// The card's id.
    pub(crate) id: String,
    /// Its link.
    pub(crate) url: String,
    /// What to call it: its title, if it has one.
    pub(crate) title: String,
    /// How long saving it took.
    #[serde(rename = "savedMs")]
    pub(crate) saved: Took,
    /// When it was in Ben's feed; absent if never.
    #[serde(rename = "inFeedMs")]
    pub(crate) in_feed: Option<Took>,
    /// When Ben was notified of it; absent if never.
    #[serde(rename = "notifiedMs")]
    pub(crate) notified: Option<Took>,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Check {
    /// What must be true.
    pub(crate) what: String,
    /// Whether it is.
    pub(crate) passed: bool,
    /// What was found, where that says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Who has to bring it about.
    pub(crate) worker: Worker,
    /// How long after its cause it was seen.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) took: Option<Spread>,
}

/// A process that brings something about, and whose log says why it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Worker {
    /// Keeps feeds up to date.
    #[serde(rename = "feed-worker")]
    Feed,
    /// Notifies.
    #[serde(rename = "notification-worker")]
    Notification,
    /// Counts.
    #[serde(rename = "analytics-worker")]
    Analytics,
}

/// The middle and the longest of some durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spread {
    /// How many there are.
    pub(crate) count: usize,
    /// Half of them are at most this long.
    #[serde(rename = "p50Ms")]
    pub(crate) p50: Took,
    /// None is longer.
    #[serde(rename = "maxMs")]
    pub(crate) max: Took,
}

/// How long something took; in JSON, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Took(pub(crate) Duration);

impl Report {
    /// The report of a run that is about to start.
    pub(crate) fn of(plan: &Plan) -> Self {
        Self {
            url: plan.url.as_str().trim_end_matches('/').to_owned(),
            source: plan.source.clone(),
            links: plan.bookmarks.links.len(),
            skipped: plan.bookmarks.skipped.clone(),
            curators: Vec::new(),
            requests: Vec::new(),
            cards: Vec::new(),
            checks: Vec::new(),
            passed: false,
            took: Took(Duration::ZERO),
        }
    }

    /// Whether nothing that was looked at so far is wrong.
    pub(crate) fn has_passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }
}

impl Check {
    /// A check that `problem` failed, or that none did.
    pub(crate) fn new(what: impl Into<String>, worker: Worker, problem: Option<String>) -> Self {
        Self {
            what: what.into(),
            passed: problem.is_none(),
            detail: None,
            problem,
            worker,
            took: None,
        }
    }

    /// Adds what was found.
    pub(crate) fn finding(self, detail: String) -> Self {
        Self {
            detail: Some(detail),
            ..self
        }
    }

    /// Adds how long after its cause it was seen, if it was.
    pub(crate) fn after(self, took: Option<Spread>) -> Self {
        Self { took, ..self }
    }
}

impl Worker {
    /// Where to look when it did not do its work.
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::Feed => "feed-worker and the queue `feeds`",
            Self::Notification => "notification-worker and the queue `notifications`",
            Self::Analytics => "analytics-worker and the queues `analytics` and `events`",
        }
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Feed => "feed-worker",
            Self::Notification => "notification-worker",
            Self::Analytics => "analytics-worker",
        })
    }
}

impl Spread {
    /// Of these durations; absent if there are none.
    pub(crate) fn of(durations: impl IntoIterator<Item = Took>) -> Option<Self> {
        let mut sorted: Vec<_> = durations.into_iter().collect();
        sorted.sort_unstable();
        Some(Self {
            count: sorted.len(),
            p50: *sorted.get(sorted.len().saturating_sub(1) / 2)?,
            max: *sorted.last()?,
        })
    }

    /// Of a single duration.
    pub(crate) fn single(duration: Duration) -> Self {
        let took = Took(duration);
        Self {
            count: 1,
            p50: took,
            max: took,
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, p50, max } = self;
        if *count == 1 {
            write!(f, "{max}")
        } else {
            write!(f, "p50 {p50}, max {max}")
        }
    }
}

impl Took {
    fn millis(self) -> f64 {
        self.0.as_secs_f64() * 1000.0
    }
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.millis();
        f.pad(&match millis {
            ..10.0 => format!("{millis:.1} ms"),
            10.0..1000.0 => format!("{millis:.0} ms"),
            _ => format!("{:.1} s", millis / 1000.0),
        })
    }
}

impl Serialize for Took {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((self.millis() * 1000.0).round() / 1000.0)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the bookmark file that comes with the program"),
            Self::File(path) => f.write_str(path),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(micros: u64) -> Took {
        Took(Duration::from_micros(micros))
    }

    #[test]
    fn the_middle_is_one_of_the_durations() {
        let spread = |micros: &[u64]| Spread::of(micros.iter().copied().map(took));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[7]), Some(Spread::single(Duration::from_micros(7))));
        let of_four = spread(&[9, 1, 5, 3]).unwrap();
        assert_eq!(
            (of_four.count, of_four.p50, of_four.max),
            (4, took(3), took(9))
        );
        assert_eq!(spread(&[9, 1, 5]).unwrap().p50, took(5));
    }

    #[test]
    fn a_duration_has_as_many_digits_as_help() {
        let text = |micros| took(micros).to_string();
        assert_eq!(text(1_234), "1.2 ms");
        assert_eq!(text(12_345), "12 ms");
        assert_eq!(text(1_234_567), "1.2 s");
        assert_eq!(format!("{:>8}|", took(1_234)), "  1.2 ms|");
        assert_eq!(serde_json::to_string(&took(1_234)).unwrap(), "1.234");
    }
}
