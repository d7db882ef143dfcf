//! Clocks of workers that are wrong by seconds, with the library `libfaketime` in front of the
//! system's.

use std::path::Path;

/// Where Debian, Fedora and Alpine put it.
const PLACES: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib/libfaketimeMT.so.1",
];

/// By how much clocks are wrong.
#[derive(Debug, Clone)]
pub(crate) enum Skew {
    /// Each third worker is so many seconds ahead, and each third behind.
    Seconds { seconds: u32, library: &'static str },
    /// All are right, for this reason.
    None(&'static str),
}

impl Skew {
    pub(crate) fn of_seconds(seconds: u32) -> Self {
        if seconds == 0 {
            return Self::None("no worker's, as asked for");
        }
        match PLACES.into_iter().find(|place| Path::new(place).is_file()) {
            Some(library) => Self::Seconds { seconds, library },
            None => Self::None("no worker's: libfaketime (package faketime) is not installed"),
        }
    }

    /// The variables with which the worker of this number is started.
    pub(crate) fn of(&self, worker: usize) -> Vec<(String, String)> {
        let Self::Seconds { seconds, library } = self else {
            return Vec::new();
        };
        let sign = match worker % 3 {
            0 => '+',
            1 => '-',
            _ => return Vec::new(),
        };
        let variables = [
            ("LD_PRELOAD", (*library).to_owned()),
            ("FAKETIME", format!("{sign}{seconds}s")),
            // What is measured and slept by a clock that nobody sets stays as it is.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        variables
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// What is told of it.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Seconds { seconds, .. } => {
                format!("two workers' of three: {seconds} s ahead, {seconds} s behind")
            }
            Self::None(reason) => (*reason).to_owned(),
        }
    }
}
