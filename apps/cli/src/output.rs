//! What is printed on standard output.

mod facts;
mod table;

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use anyhow::Context;
use domain::UnixMillis;

pub(crate) use facts::Facts;
pub(crate) use table::Table;

/// Prints a text and ends its last line; whether anybody reads it.
pub(crate) fn line(text: &str) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        Ok(()) => Ok(true),
        // Whoever read has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("the answer can't be printed"),
    }
}

/// A moment as people read it.
pub(crate) fn time(unix_millis: u64) -> String {
    UnixMillis::new(i64::try_from(unix_millis).unwrap_or(i64::MAX)).to_string()
}

/// A duration as it is written on the command line.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    let whole = units
        .into_iter()
        .find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit));
    let (unit, length) = whole.unwrap_or(("ms", 1));
    format!("{}{unit}", millis / length)
}

/// A number of things, in words: `1 job`, `2 jobs`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 {
        format!("1 {thing}")
    } else {
        format!("{number} {thing}s")
    }
}

/// A text that others wrote, in one line and without anything that a terminal would obey.
pub(crate) fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        if sign.is_control() {
            safe.extend(sign.escape_default());
        } else {
            safe.push(sign);
        }
    }
    safe
}

/// The beginning of a text.
pub(crate) fn beginning(text: &str, length: usize) -> String {
    if text.chars().nth(length).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(harmless("a\u{1b}[31m\nü"), "a\\u{1b}[31m\\nü");
    }

    #[test]
    fn a_duration_has_the_longest_unit_that_fits() {
        for text in ["0ms", "1500ms", "2s", "90s", "5m", "36h"] {
            let read = process::settings::duration(text).unwrap();
            assert_eq!(duration(read), text);
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(beginning("größe", 5), "größe");
        assert_eq!(beginning("größer", 5), "größ…");
    }
}
