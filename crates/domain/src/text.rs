//! The rules that every text a curator writes must keep.

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More characters than the limit.
    #[error("must have at most {limit} characters, and has {length}")]
    TooLong {
        /// The most characters allowed.
        limit: usize,
        /// The characters given.
        length: usize,
    },
    /// A control character other than a line break or tab.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// Whether a text may have several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    One,
    Many,
}

/// `raw` without the white space around it, if it keeps the rules.
pub(crate) fn checked(raw: &str, limit: usize, lines: Lines) -> Result<String, TextError> {
    let text = raw.trim();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    let length = text.chars().count();
    if length > limit {
        return Err(TextError::TooLong { limit, length });
    }
    let is_allowed =
        |c: char| !c.is_control() || (lines == Lines::Many && matches!(c, '\n' | '\r' | '\t'));
    if !text.chars().all(is_allowed) {
        return Err(TextError::ControlCharacter);
    }
    Ok(text.to_owned())
}

/// Defines a text newtype with a limit; it can't hold a value that breaks the rules.
macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident, $limit:literal, $lines:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The most characters it may have.
            pub const LIMIT: usize = $limit;

            /// The text, trimmed, if it keeps the rules.
            pub fn parse(raw: &str) -> Result<Self, $crate::text::TextError> {
                $crate::text::checked(raw, Self::LIMIT, $crate::text::Lines::$lines).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::text::TextError;

            fn try_from(raw: String) -> Result<Self, Self::Error> {
                Self::parse(&raw)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

pub(crate) use text_value;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_text_is_dropped() {
        assert_eq!(checked("  a b ", 3, Lines::One).unwrap(), "a b");
    }

    #[test]
    fn a_broken_rule_has_a_sentence() {
        assert_eq!(checked(" \n", 3, Lines::Many), Err(TextError::Empty));
        assert_eq!(
            checked("abcd", 3, Lines::One).unwrap_err().to_string(),
            "must have at most 3 characters, and has 4"
        );
        assert_eq!(
            checked("a\nb", 3, Lines::One),
            Err(TextError::ControlCharacter)
        );
        assert_eq!(
            checked("a\0b", 3, Lines::Many),
            Err(TextError::ControlCharacter)
        );
        assert!(checked("a\nb", 3, Lines::Many).is_ok());
    }
}
