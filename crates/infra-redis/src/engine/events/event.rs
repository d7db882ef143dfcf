//! The kinds of events, and how they are read from a stream's entries.

use serde::de::IgnoredAny;

use super::cursor::EventCursor;
use crate::engine::number;

/// What happened. States have BullMQ's names.
///
/// More kinds may come, so a `match` needs an arm for the others:
///
/// ```
/// use infra_redis::engine::QueueEvent;
///
/// /// Whether the event is one that someone should look at.
/// fn is_alarming(event: &QueueEvent) -> bool {
///     match event {
///         QueueEvent::Failed { .. } | QueueEvent::Stalled { .. } => true,
///         _ => false,
///     }
/// }
///
/// assert!(!is_alarming(&QueueEvent::Drained));
/// assert!(is_alarming(&QueueEvent::Stalled { job_id: "17".to_owned() }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueEvent {
    /// A job was stored.
    Added {
        /// The job.
        job_id: String,
        /// Its kind.
        name: String,
    },
    /// A job is ready to be worked.
    Waiting {
        /// The job.
        job_id: String,
        /// Where it comes from; nowhere if it is new.
        previous: Option<String>,
    },
    /// A job waits for its time.
    Delayed {
        /// The job.
        job_id: String,
        /// When it will be ready, in Unix milliseconds.
        due: u64,
    },
    /// A worker took a job.
    Active {
        /// The job.
        job_id: String,
        /// Where it comes from: always `waiting`.
        previous: Option<String>,
    },
    /// A processor told how far it is.
    Progress {
        /// The job.
        job_id: String,
        /// What it told, as JSON.
        data: String,
    },
    /// A job is done.
    Completed {
        /// The job.
        job_id: String,
        /// What its processor returned, as JSON.
        return_value: String,
        /// Where it comes from: always `active`.
        previous: Option<String>,
    },
    /// A job failed for good; an attempt that is made again is told as `Waiting` or `Delayed`.
    Failed {
        /// The job.
        job_id: String,
        /// Why.
        reason: String,
        /// Where it comes from: always `active`.
        previous: Option<String>,
    },
    /// The job that just failed had used up all its attempts.
    RetriesExhausted {
        /// The job.
        job_id: String,
        /// How many attempts were made.
        attempts_made: u32,
    },
    /// A job's worker was lost; the job waits again.
    Stalled {
        /// The job.
        job_id: String,
    },
    /// A job waits for its children.
    WaitingChildren {
        /// The job.
        job_id: String,
        /// Where it comes from; nowhere if it is new.
        previous: Option<String>,
    },
    /// A job was removed by hand, or replaced. Jobs that a policy doesn't keep go without a word.
    Removed {
        /// The job.
        job_id: String,
        /// The structure it was in, such as `wait`.
        previous: Option<String>,
    },
    /// A job was added whose id exists; nothing was stored.
    Duplicated {
        /// The job that exists.
        job_id: String,
    },
    /// A job was added for which another one stands.
    Deduplicated {
        /// The job that stands for both.
        job_id: String,
        /// What they have in common.
        deduplication_id: String,
        /// The job that was not stored, or that was replaced.
        deduplicated_job_id: String,
    },
    /// What clients of BullMQ 5 write in front of `Deduplicated`.
    Debounced {
        /// The job that stands for both.
        job_id: String,
        /// What they have in common.
        debounce_id: String,
    },
    /// The last job that was ready has been worked.
    Drained,
    /// No job starts until the queue is resumed.
    Paused,
    /// Jobs start again.
    Resumed,
    /// Old jobs were removed.
    Cleaned {
        /// How many.
        count: u64,
    },
    /// An application's own event; see [`Queue::publish_event`](crate::engine::Queue::publish_event).
    Custom {
        /// Its name.
        name: String,
        /// What it carries.
        fields: Vec<(String, String)>,
    },
    /// Events after this cursor may be lost: the stream keeps only the newest ones, and no longer
    /// has the one that was read last. Whoever keeps something up to date by events should look at
    /// the queue itself now.
    Gap {
        /// The oldest event there is, which is told next; absent if there is none.
        next: Option<EventCursor>,
    },
    /// An entry that is not an event as this release knows it: a field is absent, or is not a
    /// number or JSON where it should be.
    Unknown {
        /// All it carries.
        fields: Vec<(String, String)>,
    },
}

/// What an application's own events can't be called.
pub(super) fn is_reserved(name: &str) -> bool {
    const NAMES: [&str; 18] = [
        "added",
        "waiting",
        "delayed",
        "active",
        "progress",
        "completed",
        "failed",
        "retries-exhausted",
        "stalled",
        "waiting-children",
        "removed",
        "duplicated",
        "deduplicated",
        "debounced",
        "drained",
        "paused",
        "resumed",
        "cleaned",
    ];
    NAMES.contains(&name)
}

impl QueueEvent {
    /// Reads an entry's fields. Never fails: what is not understood is [`Unknown`](Self::Unknown).
    pub(in crate::engine) fn from_fields(fields: Vec<(String, String)>) -> Self {
        match Self::known(&Fields(&fields)) {
            Some(event) => event,
            None => Self::Unknown { fields },
        }
    }

    fn known(fields: &Fields<'_>) -> Option<Self> {
        let job_id = || fields.text("jobId");
        let previous = || fields.text("prev");
        let name = fields.text("event")?;
        Some(match name.as_str() {
            "added" => Self::Added {
                job_id: job_id()?,
                name: fields.text("name")?,
            },
            "waiting" => Self::Waiting {
                job_id: job_id()?,
                previous: previous(),
            },
            "delayed" => Self::Delayed {
                job_id: job_id()?,
                due: fields.number("delay")?,
            },
            "active" => Self::Active {
                job_id: job_id()?,
                previous: previous(),
            },
            "progress" => Self::Progress {
                job_id: job_id()?,
                data: fields.json("data")?,
            },
            "completed" => Self::Completed {
                job_id: job_id()?,
                return_value: fields.json("returnvalue")?,
                previous: previous(),
            },
            "failed" => Self::Failed {
                job_id: job_id()?,
                reason: fields.text("failedReason")?,
                previous: previous(),
            },
            "retries-exhausted" => Self::RetriesExhausted {
                job_id: job_id()?,
                attempts_made: fields.number("attemptsMade")?.try_into().ok()?,
            },
            "stalled" => Self::Stalled { job_id: job_id()? },
            "waiting-children" => Self::WaitingChildren {
                job_id: job_id()?,
                previous: previous(),
            },
            "removed" => Self::Removed {
                job_id: job_id()?,
                previous: previous(),
            },
            "duplicated" => Self::Duplicated { job_id: job_id()? },
            "deduplicated" => Self::Deduplicated {
                job_id: job_id()?,
                deduplication_id: fields.text("deduplicationId")?,
                deduplicated_job_id: fields.text("deduplicatedJobId")?,
            },
            "debounced" => Self::Debounced {
                job_id: job_id()?,
                debounce_id: fields.text("debounceId")?,
            },
            "drained" => Self::Drained,
            "paused" => Self::Paused,
            "resumed" => Self::Resumed,
            "cleaned" => Self::Cleaned {
                count: fields.number("count")?,
            },
            _ => Self::Custom {
                fields: fields.without("event"),
                name,
            },
        })
    }
}

/// The fields of an entry. Of fields with the same name the first counts.
struct Fields<'a>(&'a [(String, String)]);

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(number::parse)
    }

    fn json(&self, name: &str) -> Option<String> {
        let text = self.get(name)?;
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        Some(text.to_owned())
    }

    fn without(&self, name: &str) -> Vec<(String, String)> {
        let others = self.0.iter().filter(|(key, _)| key != name);
        others.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn event(pairs: &[(&str, &str)]) -> QueueEvent {
        QueueEvent::from_fields(fields(pairs))
    }

    #[test]
    fn the_order_of_fields_and_additional_ones_do_not_matter() {
        let read = event(&[
            ("jobId", "1"),
            ("prev", "active"),
            ("event", "waiting"),
            ("x", "y"),
        ]);
        let expected = QueueEvent::Waiting {
            job_id: "1".to_owned(),
            previous: Some("active".to_owned()),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn numbers_are_read_however_another_client_wrote_them() {
        for (text, due) in [("5", 5), ("5.7", 5), ("1.7955e3", 1795)] {
            let read = event(&[("event", "delayed"), ("jobId", "1"), ("delay", text)]);
            assert!(
                matches!(read, QueueEvent::Delayed { due: read, .. } if read == due),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_malformed_is_told_with_all_it_carries() {
        let malformed: [&[_]; 7] = [
            &[],
            &[("jobId", "1")],
            &[("event", "waiting")],
            &[("event", "delayed"), ("jobId", "1"), ("delay", "soon")],
            &[("event", "cleaned"), ("count", "-1")],
            &[("event", "completed"), ("jobId", "1"), ("returnvalue", "{")],
            &[("event", "progress"), ("jobId", "1"), ("data", "half")],
        ];
        for pairs in malformed {
            let expected = QueueEvent::Unknown {
                fields: fields(pairs),
            };
            assert_eq!(event(pairs), expected);
        }
    }

    #[test]
    fn a_name_that_is_not_reserved_is_an_applications_own() {
        let read = event(&[("event", "greeted"), ("who", "Ada"), ("jobId", "1")]);
        let expected = QueueEvent::Custom {
            name: "greeted".to_owned(),
            fields: fields(&[("who", "Ada"), ("jobId", "1")]),
        };
        assert_eq!(read, expected);
    }
}
