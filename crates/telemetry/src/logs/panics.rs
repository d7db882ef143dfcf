//! Panics as log lines, so that they are found where everything else is.

use std::backtrace::{Backtrace, BacktraceStatus};

use tracing::error;

/// Logs every panic, wherever it is caught later. With `RUST_BACKTRACE` the backtrace goes along.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let location = panic.location().map(ToString::to_string);
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured)
            .then(|| tracing::field::display(backtrace));
        error!(
            panic.location = location,
            panic.backtrace = backtrace,
            "A thread panicked: {message}"
        );
    }));
}
