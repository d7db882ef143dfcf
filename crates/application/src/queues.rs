//! The queues: their names, what they are set to, and which event goes to which.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use domain::EventKind;

/// A queue that carries events to a worker process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    /// Tells people what concerns them.
    Notifications,
    /// Keeps feeds up to date.
    Feeds,
    /// Counts.
    Analytics,
    /// Takes every event that has no route of its own, so that nothing is dropped because someone
    /// forgot a route.
    Events,
}

impl QueueName {
    /// Every queue.
    pub const ALL: [Self; 4] = [
        Self::Notifications,
        Self::Feeds,
        Self::Analytics,
        Self::Events,
    ];

    /// The name in Valkey, in logs and in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notifications => "notifications",
            Self::Feeds => "feeds",
            Self::Analytics => "analytics",
            Self::Events => "events",
        }
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The queues that an event of this kind goes to.
pub fn route(kind: EventKind) -> &'static [QueueName] {
    use QueueName::{Analytics, Events, Feeds, Notifications};
    match kind {
        EventKind::CardAddedToLibrary
        | EventKind::CardRemovedFromLibrary
        | EventKind::CuratorFollowed
        | EventKind::CuratorUnfollowed => &[Notifications, Feeds, Analytics],
        EventKind::CuratorRegistered => &[Events],
    }
}

/// At most so many job starts, or whatever else is counted, in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many there may be.
    pub max: NonZeroU32,
    /// How long the window is, from the first.
    pub window: Duration,
}

/// What a queue is set to: what its jobs are published with, and how its worker works them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// The jobs' priority: 0 is none and runs first, then 1, 2 and so on.
    pub priority: u32,
    /// How often a job is tried in all.
    pub attempts: NonZeroU32,
    /// The wait before the second attempt; it doubles with each further one.
    pub backoff: Duration,
    /// How many completed jobs are kept.
    pub keep_completed: u32,
    /// How many failed jobs are kept.
    pub keep_failed: u32,
    /// How many jobs one worker process works at once.
    pub concurrency: NonZeroU32,
    /// How many jobs may start in a window, over all workers.
    pub rate_limit: Option<RateLimit>,
}

/// The settings of every queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueTable([(QueueName, QueueSettings); 4]);

/// One setting of one queue, as `feeds.concurrency=30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSetting {
    queue: QueueName,
    value: SettingValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SettingValue {
    Priority(u32),
    Attempts(NonZeroU32),
    Backoff(Duration),
    KeepCompleted(u32),
    KeepFailed(u32),
    Concurrency(NonZeroU32),
    RateLimit(Option<RateLimit>),
}

/// Why a text is not a setting of a queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueSettingError {
    /// Not of the form `QUEUE.SETTING=VALUE`.
    #[error("`{0}` is not of the form QUEUE.SETTING=VALUE, as in feeds.concurrency=30")]
    Form(String),
    /// No such queue.
    #[error("there is no queue `{0}`; there are notifications, feeds, analytics and events")]
    Queue(String),
    /// No such setting.
    #[error(
        "a queue has no setting `{0}`; it has priority, attempts, backoff, keep-completed, \
         keep-failed, concurrency and rate-limit"
    )]
    Setting(String),
    /// A value that the setting can't have.
    #[error("{setting} can't be `{value}`: expected {expected}")]
    Value {
        /// The setting.
        setting: String,
        /// The value given.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl QueueTable {
    /// What a queue is set to.
    pub fn of(&self, queue: QueueName) -> &QueueSettings {
        let [(_, first), ..] = &self.0;
        let found = self.0.iter().find(|(name, _)| *name == queue);
        found.map_or(first, |(_, settings)| settings)
    }

    /// This table with one setting changed.
    #[must_use]
    pub fn with(mut self, setting: QueueSetting) -> Self {
        for (_, settings) in self.0.iter_mut().filter(|(name, _)| *name == setting.queue) {
            match setting.value {
                SettingValue::Priority(value) => settings.priority = value,
                SettingValue::Attempts(value) => settings.attempts = value,
                SettingValue::Backoff(value) => settings.backoff = value,
                SettingValue::KeepCompleted(value) => settings.keep_completed = value,
                SettingValue::KeepFailed(value) => settings.keep_failed = value,
                SettingValue::Concurrency(value) => settings.concurrency = value,
                SettingValue::RateLimit(value) => settings.rate_limit = value,
            }
        }
        self
    }
}

impl Default for QueueTable {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let bulk = QueueSettings {
            priority: 2,
            attempts: count(3),
            backoff: Duration::from_secs(2),
            keep_completed: 50,
            keep_failed: 25,
            concurrency: count(10),
            rate_limit: None,
        };
        let notifications = QueueSettings {
            priority: 1,
            attempts: count(5),
            backoff: Duration::from_secs(1),
            keep_completed: 100,
            keep_failed: 50,
            concurrency: count(5),
            rate_limit: Some(RateLimit {
                max: count(100),
                window: Duration::from_mins(1),
            }),
        };
        let with_concurrency = |n| QueueSettings {
            concurrency: count(n),
            ..bulk
        };
        Self([
            (QueueName::Notifications, notifications),
            (QueueName::Feeds, with_concurrency(15)),
            (QueueName::Analytics, with_concurrency(20)),
            (QueueName::Events, with_concurrency(10)),
        ])
    }
}

impl FromStr for QueueSetting {
    type Err = QueueSettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || QueueSettingError::Form(text.to_owned());
        let (path, value) = text.trim().split_once('=').ok_or_else(form)?;
        let (queue, setting) = path.split_once('.').ok_or_else(form)?;
        let queue = QueueName::ALL
            .into_iter()
            .find(|name| name.as_str() == queue)
            .ok_or_else(|| QueueSettingError::Queue(queue.to_owned()))?;
        let value = SettingValue::parse(setting, value)?;
        Ok(Self { queue, value })
    }
}

/// The highest priority that BullMQ's scores can hold.
const MAX_PRIORITY: u32 = 2_097_151;

impl SettingValue {
    fn parse(setting: &str, value: &str) -> Result<Self, QueueSettingError> {
        let number = value.parse::<u32>().ok();
        let positive = number.and_then(NonZeroU32::new);
        let (parsed, expected) = match setting {
            "priority" => (
                number.filter(|n| *n <= MAX_PRIORITY).map(Self::Priority),
                "a whole number from 0 to 2097151",
            ),
            "attempts" => (positive.map(Self::Attempts), "a whole number from 1"),
            "backoff" => (
                parse_duration(value).map(Self::Backoff),
                "a duration such as 500ms, 2s or 5m",
            ),
            "keep-completed" => (number.map(Self::KeepCompleted), "a whole number from 0"),
            "keep-failed" => (number.map(Self::KeepFailed), "a whole number from 0"),
            "concurrency" => (positive.map(Self::Concurrency), "a whole number from 1"),
            "rate-limit" => {
                let parsed = match value {
                    "none" => Some(Self::RateLimit(None)),
                    _ => parse_rate_limit(value).map(|limit| Self::RateLimit(Some(limit))),
                };
                (parsed, "`none`, or a number and a duration such as 100/60s")
            }
            _ => return Err(QueueSettingError::Setting(setting.to_owned())),
        };
        parsed.ok_or_else(|| QueueSettingError::Value {
            setting: setting.to_owned(),
            value: value.to_owned(),
            expected,
        })
    }
}

/// A rate limit as people write it in settings: `100/60s`; absent if it is not one.
pub fn parse_rate_limit(value: &str) -> Option<RateLimit> {
    let (max, window) = value.split_once('/')?;
    let window = parse_duration(window).filter(|window| !window.is_zero())?;
    Some(RateLimit {
        max: max.parse().ok()?,
        window,
    })
}

/// The longest duration that a setting may have, a hundred years: what is added to a time must lead
/// to one that every clock can show.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// A duration as people write it in settings: `500ms`, `2s`, `5m`; absent if it is not one, or is
/// longer than a hundred years.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let duration = match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    };
    duration.filter(|duration| *duration <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_goes_somewhere() {
        for kind in EventKind::ALL {
            assert!(!route(*kind).is_empty(), "{kind} has no queue");
        }
    }

    #[test]
    fn a_setting_changes_its_queue_alone() {
        let table = QueueTable::default().with("feeds.concurrency=30".parse().unwrap());
        assert_eq!(table.of(QueueName::Feeds).concurrency.get(), 30);
        assert_eq!(table.of(QueueName::Analytics).concurrency.get(), 20);
    }

    #[test]
    fn a_rate_limit_can_be_set_and_taken_away() {
        let table = QueueTable::default()
            .with("notifications.rate-limit=none".parse().unwrap())
            .with("feeds.rate-limit=7/500ms".parse().unwrap());
        assert_eq!(table.of(QueueName::Notifications).rate_limit, None);
        let limit = table.of(QueueName::Feeds).rate_limit.unwrap();
        assert_eq!(
            (limit.max.get(), limit.window),
            (7, Duration::from_millis(500))
        );
    }

    #[test]
    fn a_wrong_setting_is_answered_with_what_was_expected() {
        let error = |text: &str| text.parse::<QueueSetting>().unwrap_err().to_string();
        assert!(error("feeds").contains("QUEUE.SETTING=VALUE"));
        assert!(error("mail.attempts=3").contains("no queue `mail`"));
        assert!(error("feeds.speed=3").contains("no setting `speed`"));
        assert_eq!(
            error("feeds.attempts=0"),
            "attempts can't be `0`: expected a whole number from 1"
        );
        assert!(error("feeds.backoff=2").contains("500ms"));
        assert!(error("feeds.priority=2097152").contains("2097151"));
        assert!(error("feeds.rate-limit=0/1s").contains("100/60s"));
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("2s"), Some(Duration::from_secs(2)));
        assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(parse_duration("876000h"), Some(LONGEST));
        for wrong in [
            "",
            "s",
            "5",
            "-1s",
            "1.5s",
            "5 s",
            "99999999999999999999s",
            "9999999999999999999h",
            "876001h",
        ] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
