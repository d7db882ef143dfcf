//! The runtime that a program's tasks run on.

use std::io::Result;

use tokio::runtime::{Builder, Runtime};

/// A runtime of so many threads; of one, that is the caller's.
pub(crate) fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        threads => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build()
}
