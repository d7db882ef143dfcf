//! The arguments of a command.

use std::fmt::{Display, Write};

use fred::bytes::Bytes;
use fred::types::Value;

/// The arguments of a command, written one behind the other into one piece of memory, so that none
/// costs an allocation of its own on its way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    text: String,
    /// Where each ends, in bytes.
    ends: Vec<usize>,
}

/// What a call has room for before its memory grows: one about a single job of some hundred bytes.
const USUAL_BYTES: usize = 512;
const USUAL_ARGS: usize = 24;

impl Args {
    pub(crate) fn new() -> Self {
        Self {
            text: String::with_capacity(USUAL_BYTES),
            ends: Vec::with_capacity(USUAL_ARGS),
        }
    }

    /// Appends an argument.
    pub(crate) fn text(&mut self, arg: &str) {
        self.text.push_str(arg);
        self.ends.push(self.text.len());
    }

    /// Appends what has to be written as text first, such as a number.
    pub(crate) fn display(&mut self, arg: impl Display) {
        // Writing into memory never fails.
        let _ = write!(self.text, "{arg}");
        self.ends.push(self.text.len());
    }

    pub(super) fn into_values(self) -> Vec<Value> {
        let text = Bytes::from(self.text);
        let mut start = 0;
        let value = |end| {
            let arg = text.slice(start..end);
            start = end;
            Value::Bytes(arg)
        };
        self.ends.into_iter().map(value).collect()
    }
}

impl<S: AsRef<str>> Extend<S> for Args {
    fn extend<I: IntoIterator<Item = S>>(&mut self, args: I) {
        for arg in args {
            self.text(arg.as_ref());
        }
    }
}

impl<S: AsRef<str>> FromIterator<S> for Args {
    fn from_iter<I: IntoIterator<Item = S>>(args: I) -> Self {
        let mut collected = Self::new();
        collected.extend(args);
        collected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_out_as_they_went_in() {
        let mut args = Args::from_iter(["", "größer", ""]);
        args.display(17);
        args.text("\0\r\n");
        let values = args.into_values();
        let expected = ["", "größer", "", "17", "\0\r\n"];
        assert_eq!(
            values,
            expected.map(|arg| Value::Bytes(Bytes::copy_from_slice(arg.as_bytes())))
        );
    }

    #[test]
    fn no_arguments_are_no_values() {
        assert_eq!(Args::new().into_values(), []);
    }
}
