//! A place in a queue's stream of events.

use std::fmt;
use std::str::FromStr;

/// A place in a queue's stream of events: that of one entry. Later entries have greater cursors.
///
/// It is kept as text, and read again from it:
///
/// ```
/// # use infra_redis::engine::EventCursor;
/// let cursor: EventCursor = "1795507964676-3".parse()?;
/// assert_eq!(cursor.to_string(), "1795507964676-3");
/// # Ok::<(), infra_redis::engine::CursorError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor {
    millis: u64,
    sequence: u64,
}

/// A text that is not a cursor.
///
/// ```
/// use infra_redis::engine::EventCursor;
///
/// let error = "yesterday".parse::<EventCursor>().unwrap_err();
/// assert_eq!(error.to_string(), "`yesterday` is not a cursor such as `1795507964676-0`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor such as `1795507964676-0`")]
pub struct CursorError(String);

impl EventCursor {
    /// Before every entry.
    pub(super) const START: Self = Self {
        millis: 0,
        sequence: 0,
    };

    /// The cursor just before this one; that of no entry, most likely.
    pub(super) fn previous(self) -> Self {
        match (self.millis, self.sequence) {
            (0, 0) => self,
            (millis, 0) => Self {
                millis: millis - 1,
                sequence: u64::MAX,
            },
            (millis, sequence) => Self {
                millis,
                sequence: sequence - 1,
            },
        }
    }
}

impl FromStr for EventCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse().ok()).flatten()
        };
        text.split_once('-')
            .and_then(|(millis, sequence)| {
                Some(Self {
                    millis: number(millis)?,
                    sequence: number(sequence)?,
                })
            })
            .ok_or_else(|| CursorError(text.to_owned()))
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_of_an_entry_is_a_cursor() {
        for text in [
            "",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "+1-0",
            "$",
            "a-b",
            "99999999999999999999-0",
        ] {
            assert!(text.parse::<EventCursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn cursors_are_ordered_by_number() {
        let cursor = |text: &str| text.parse::<EventCursor>().unwrap();
        assert!(cursor("9-1") < cursor("10-0"));
        assert!(cursor("10-9") < cursor("10-10"));
        assert_eq!(cursor("10-1").previous(), cursor("10-0"));
        assert_eq!(cursor("10-0").previous(), cursor("9-18446744073709551615"));
    }
}
