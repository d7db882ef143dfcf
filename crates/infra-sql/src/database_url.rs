//! Which database is meant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A database, as in `sqlite://data/bellwether.db` (relative) or `sqlite:///var/lib/bellwether.db`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    path: PathBuf,
}

/// Why a text names no database. The text is never repeated, because it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// A Postgres URL.
    #[error("Postgres is not supported by this release; use sqlite://PATH")]
    Postgres,
    /// A URL of some other kind.
    #[error("`{0}://` is no database that this release knows; use sqlite://PATH")]
    UnknownScheme(String),
    /// No URL at all.
    #[error("a database is named by a URL such as sqlite://data/bellwether.db")]
    NotAUrl,
    /// No path after `sqlite://`.
    #[error("sqlite:// must be followed by the path of a file")]
    NoPath,
    /// A database in memory.
    #[error("a database in memory can't be shared between processes; use sqlite://PATH")]
    InMemory,
    /// Something after a question mark.
    #[error("sqlite://PATH takes no parameters: leave out the `?` and what follows it")]
    Parameters,
}

impl DatabaseUrl {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("sqlite::memory:") || text.starts_with("sqlite://:memory:") {
            return Err(DatabaseUrlError::InMemory);
        }
        let (scheme, path) = text.split_once("://").ok_or(DatabaseUrlError::NotAUrl)?;
        match scheme {
            "sqlite" if path.is_empty() => Err(DatabaseUrlError::NoPath),
            "sqlite" if path.contains('?') => Err(DatabaseUrlError::Parameters),
            "sqlite" => Ok(Self { path: path.into() }),
            "postgres" | "postgresql" => Err(DatabaseUrlError::Postgres),
            other if is_scheme(other) => Err(DatabaseUrlError::UnknownScheme(other.to_owned())),
            _ => Err(DatabaseUrlError::NotAUrl),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite://{}", self.path.display())
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, DatabaseUrlError>) {
        let parsed = text.parse::<DatabaseUrl>().map(|url| url.path);
        assert_eq!(parsed, expected.map(PathBuf::from));
    }

    #[test]
    fn a_path_may_be_relative_or_absolute() {
        check("sqlite://data/bellwether.db", Ok("data/bellwether.db"));
        check(
            "sqlite:///var/lib/bellwether.db",
            Ok("/var/lib/bellwether.db"),
        );
    }

    #[test]
    fn what_is_printed_can_be_parsed() {
        let text = "sqlite:///var/lib/bellwether.db";
        assert_eq!(text.parse::<DatabaseUrl>().unwrap().to_string(), text);
    }

    #[test]
    fn what_is_not_supported_is_said_by_name() {
        check(
            "postgres://ada:secret@db/bellwether",
            Err(DatabaseUrlError::Postgres),
        );
        check(
            "postgresql://db/bellwether",
            Err(DatabaseUrlError::Postgres),
        );
        check("sqlite::memory:", Err(DatabaseUrlError::InMemory));
        check("sqlite://:memory:", Err(DatabaseUrlError::InMemory));
        check("sqlite://a.db?mode=rwc", Err(DatabaseUrlError::Parameters));
        check("sqlite://", Err(DatabaseUrlError::NoPath));
        check("data/bellwether.db", Err(DatabaseUrlError::NotAUrl));
        check("", Err(DatabaseUrlError::NotAUrl));
    }

    #[test]
    fn a_secret_is_never_repeated() {
        for text in [
            "postgres://ada:secret@db/bellwether",
            "mysql://ada:secret@db/bellwether",
            "ada:secret@db://",
            "secret",
        ] {
            let sentence = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!sentence.contains("secret"), "{sentence}");
        }
    }
}
