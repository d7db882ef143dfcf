//! How a process that can't start or go on says so.

use std::process::ExitCode;
use std::time::Duration;

/// How long threads that block may take to end once the process has nothing more to do. One that
/// waits for somebody else's lock on the database would otherwise hold the process for as long.
const BLOCKED_THREADS: Duration = Duration::from_millis(500);

/// Runs a process to its end. An error is printed as one sentence, and the exit code is 1.
pub fn run<F>(process: F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    telemetry::crypto::install();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(process);
            runtime.shutdown_timeout(BLOCKED_THREADS);
            result
        }
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
