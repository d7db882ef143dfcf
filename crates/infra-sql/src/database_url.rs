//! Which database is meant.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A database: a file, as in `sqlite://data/bellwether.db` (relative) or
/// `sqlite:///var/lib/bellwether.db`, or a server's, as in `postgres://ada@db.internal/bellwether`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The path of an SQLite file.
    Sqlite(PathBuf),
    /// A Postgres database.
    Postgres(PostgresUrl),
}

/// The URL of a Postgres database. It may hold a password, so what is printed is a part of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// Why a text names no database. The text is never repeated, because it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// A URL of some other kind.
    #[error(
        "`{0}://` is no database that this release knows; use sqlite://PATH or \
         postgres://USER:PASSWORD@HOST/DATABASE"
    )]
    UnknownScheme(String),
    /// No URL at all.
    #[error(
        "a database is named by a URL such as sqlite://data/bellwether.db or \
         postgres://USER:PASSWORD@HOST/DATABASE"
    )]
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
    /// A parameter of a Postgres URL that would have no effect.
    #[error("`{0}` is no parameter of a Postgres URL; expected {known}", known = PARAMETERS.join(", "))]
    UnknownParameter(String),
}

/// What may follow the question mark of a Postgres URL. What is ignored must not look as if it
/// had an effect: a mistyped `sslmode` would be one.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

impl PostgresUrl {
    /// The whole of it, password included.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let parameters = text.split_once('?').map_or("", |(_, after)| after);
        for parameter in parameters.split('&').filter(|text| !text.is_empty()) {
            let name = parameter.split('=').next().unwrap_or_default();
            if !PARAMETERS.contains(&name) {
                // Behind the question mark of a password that was not escaped, anything may stand.
                let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                return Err(DatabaseUrlError::UnknownParameter(
                    if is_name { name } else { "this" }.to_owned(),
                ));
            }
        }
        Ok(Self(text.to_owned()))
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
            "sqlite" => Ok(Self::Sqlite(path.into())),
            "postgres" | "postgresql" => PostgresUrl::parse(text).map(Self::Postgres),
            other if is_scheme(other) => Err(DatabaseUrlError::UnknownScheme(other.to_owned())),
            _ => Err(DatabaseUrlError::NotAUrl),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after_scheme = self.0.split_once("://").map_or("", |(_, after)| after);
        // The last @, as a password that was not escaped may hold others, and a question mark.
        let after_password = after_scheme.rsplit('@').next().unwrap_or_default();
        let place = after_password.split('?').next().unwrap_or_default();
        write!(f, "postgres://{place}")
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
        let parsed = text.parse::<DatabaseUrl>();
        let expected = expected.map(|path| DatabaseUrl::Sqlite(path.into()));
        assert_eq!(parsed, expected);
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
    fn what_is_printed_of_a_file_can_be_parsed() {
        let text = "sqlite:///var/lib/bellwether.db";
        assert_eq!(text.parse::<DatabaseUrl>().unwrap().to_string(), text);
    }

    #[test]
    fn what_is_printed_of_a_server_holds_nothing_secret() {
        for (text, printed) in [
            (
                "postgres://ada:secret@db:5433/bellwether?sslmode=require",
                "postgres://db:5433/bellwether",
            ),
            ("postgresql://db/bellwether", "postgres://db/bellwether"),
            (
                "postgres://ada:sec@ret/x@db/bellwether",
                "postgres://db/bellwether",
            ),
            (
                "postgres://db/bellwether?password=secret",
                "postgres://db/bellwether",
            ),
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), printed);
            assert!(!format!("{url:?}").contains("sec"), "{url:?}");
        }
    }

    #[test]
    fn what_is_not_supported_is_said_by_name() {
        check(
            "mysql://ada:secret@db/bellwether",
            Err(DatabaseUrlError::UnknownScheme("mysql".to_owned())),
        );
        check("sqlite::memory:", Err(DatabaseUrlError::InMemory));
        check("sqlite://:memory:", Err(DatabaseUrlError::InMemory));
        check("sqlite://a.db?mode=rwc", Err(DatabaseUrlError::Parameters));
        check("sqlite://", Err(DatabaseUrlError::NoPath));
        check("data/bellwether.db", Err(DatabaseUrlError::NotAUrl));
        check("", Err(DatabaseUrlError::NotAUrl));
        let unknown = |name: &str| Err(DatabaseUrlError::UnknownParameter(name.to_owned()));
        check(
            "postgres://db/bellwether?ssl_mode=require",
            unknown("ssl_mode"),
        );
        check("postgres://ada:why?7secret@db/bellwether", unknown("this"));
    }

    #[test]
    fn a_secret_is_never_repeated() {
        for text in [
            "postgres://ada:what?secret1@db/bellwether",
            "mysql://ada:secret@db/bellwether",
            "ada:secret@db://",
            "secret",
        ] {
            let sentence = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!sentence.contains("secret"), "{sentence}");
        }
    }
}
