//! What the library's errors mean.

use fred::error::{Error, ErrorKind};

use super::settings::{CONNECT_TIMEOUT, ConnectionSettings, MAX_WAITING_COMMANDS};
use crate::engine::error::{ConnectError, EngineError};

/// The first words of answers by which a server says that it can't serve now, and not that it
/// won't: it loads its data, is a replica since a moment ago, or is busy.
const NOT_NOW: [&str; 7] = [
    "READONLY",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOREPLICAS",
    "BUSY",
];

/// The first words of answers by which a server says who may not speak to it.
const NOT_YOU: [&str; 3] = ["WRONGPASS", "NOAUTH", "NOPERM"];

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        let details = error.details();
        let is_answer = matches!(
            error.kind(),
            ErrorKind::Unknown
                | ErrorKind::InvalidCommand
                | ErrorKind::InvalidArgument
                | ErrorKind::Auth
        );
        if *error.kind() == ErrorKind::Backpressure {
            Self::Overloaded {
                waiting: MAX_WAITING_COMMANDS,
            }
        } else if is_answer
            && !is_moved(&error)
            && details != UNSENT
            && !starts_with_one_of(details, &NOT_NOW)
        {
            Self::Refused {
                operation: "a command",
                reason: details.to_owned(),
            }
        } else {
            Self::Unavailable(in_words(details))
        }
    }
}

/// What the library says of a command that was to be sent once, and was answered that its key is
/// elsewhere.
const MOVED: &str = "Too many failed write attempts.";

/// What the library says of a command that came while there was no connection to send it on. No
/// server has answered, though the error's kind is that of an answer.
const UNSENT: &str = "Failed to route command.";

/// Whether a command was not performed because its key is on another server by now.
pub(super) fn is_moved(error: &Error) -> bool {
    error.details() == MOVED
}

/// Why a connection could not be made.
pub(super) fn connecting(settings: &ConnectionSettings, error: &Error) -> ConnectError {
    let url = settings.address().to_owned();
    let details = error.details();
    if *error.kind() == ErrorKind::Auth || starts_with_one_of(details, &NOT_YOU) {
        let reason = details.to_owned();
        return ConnectError::Denied { url, reason };
    }
    if let Some(reason) = distrust(details) {
        return ConnectError::Untrusted { url, reason };
    }
    if *error.kind() == ErrorKind::Config {
        let reason = details.to_owned();
        return ConnectError::Unsuitable { url, reason };
    }
    let is_late = *error.kind() == ErrorKind::Timeout;
    let mut reason = if is_late {
        format!("no answer within {CONNECT_TIMEOUT:?}")
    } else {
        in_words(details)
    };
    // A server that is spoken to in the other way than it expects hangs up, or waits for more.
    if settings.has_tls() && is_late {
        reason.push_str("; if the port does not expect TLS, the URL must begin with redis");
    } else if !settings.has_tls() && is_closed(details) {
        reason.push_str("; if the port expects TLS, the URL must begin with rediss");
    }
    ConnectError::Unreachable { url, reason }
}

/// Why the other end of a TLS connection is not who it should be; absent if that is not what is
/// wrong.
fn distrust(details: &str) -> Option<String> {
    let reason = if details.contains("UnknownIssuer") || details.contains("BadSignature") {
        "its certificate comes from an authority that is not trusted here"
    } else if details.contains("NotValidForName") {
        "its certificate is for another name"
    } else if details.contains("Expired") {
        "its certificate has expired"
    } else if details.contains("InvalidContentType") {
        "the port does not speak TLS, so the URL must begin with redis, not rediss"
    } else if details.contains("InvalidCertificate") || details.contains("AlertReceived") {
        return Some(details.to_owned());
    } else {
        return None;
    };
    Some(reason.to_owned())
}

/// Whether the other end hung up instead of answering.
fn is_closed(details: &str) -> bool {
    [
        "UnexpectedEof",
        "ConnectionReset",
        "BrokenPipe",
        "Connection closed",
        "Invalid empty",
    ]
    .iter()
    .any(|sign| details.contains(sign))
}

fn starts_with_one_of(details: &str, words: &[&str]) -> bool {
    let first = details.split_whitespace().next().unwrap_or_default();
    words.contains(&first)
}

/// The message in what the library shows of an error of the system's, such as
/// `Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }`.
pub(super) fn in_words(details: &str) -> String {
    let message = details
        .split_once("message: \"")
        .and_then(|(_, rest)| rest.split_once('"'));
    match message {
        Some((message, _)) => message.to_lowercase(),
        None => details.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_can_not_now_is_told_from_one_that_will_not() {
        let error =
            |details: &'static str| EngineError::from(Error::new(ErrorKind::Unknown, details));
        for details in [
            "READONLY You can't write against a read only replica.",
            "LOADING Valkey is loading the dataset in memory",
            "NOREPLICAS Not enough good replicas to write.",
            UNSENT,
        ] {
            assert!(
                matches!(error(details), EngineError::Unavailable(_)),
                "{details}"
            );
        }
        for details in [
            "NOPERM User ada has no permissions to run the 'evalsha' command",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "OOM command not allowed when used memory > 'maxmemory'.",
        ] {
            assert!(
                matches!(error(details), EngineError::Refused { .. }),
                "{details}"
            );
        }
    }

    #[test]
    fn errors_of_the_system_are_shown_in_their_own_words() {
        let details = r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#;
        assert_eq!(in_words(details), "connection refused");
        assert_eq!(in_words("Connection closed."), "Connection closed.");
    }
}
