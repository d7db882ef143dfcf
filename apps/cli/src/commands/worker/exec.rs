//! Performs jobs by running a command.

use infra_redis::engine::{Claimed, Interruption, JobContext, JobError, Processor};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio_util::sync::CancellationToken;

use super::child::{self, Ended};
use crate::job_view::json_or_text;

/// The exit code of a command for a job that no other attempt can help: `EX_DATAERR`.
const FAILED_FOR_GOOD: i32 = 65;

/// Runs a command for each job; without one every job completes with null.
pub(super) struct Exec {
    command: Option<String>,
    queue: String,
    stopping: CancellationToken,
}

/// What the command reads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    id: &'a str,
    name: &'a str,
    data: Box<RawValue>,
    opts: Box<RawValue>,
    attempts_made: u32,
    queue: &'a str,
}

impl Exec {
    /// A processor of this queue's jobs. `stopping` is cancelled when the worker begins to stop.
    pub(super) fn new(command: Option<String>, queue: &str, stopping: CancellationToken) -> Self {
        Self {
            command,
            queue: queue.to_owned(),
            stopping,
        }
    }

    fn input(&self, job: &Claimed<Box<RawValue>>) -> Result<String, JobError> {
        let input = Input {
            id: &job.id,
            name: &job.name,
            data: json_or_text(job.data.get()),
            opts: json_or_text(&job.options),
            attempts_made: job.attempt - 1,
            queue: &self.queue,
        };
        let json = serde_json::to_string(&input);
        json.map_err(|error| JobError::permanent(format!("the job has no JSON form: {error}")))
    }
}

impl Processor for Exec {
    type Data = Box<RawValue>;
    type Output = Box<RawValue>;

    async fn process(
        &self,
        job: Claimed<Box<RawValue>>,
        context: &JobContext,
    ) -> Result<Box<RawValue>, JobError> {
        let Some(command) = &self.command else {
            return Ok(RawValue::NULL.to_owned());
        };
        let input = self.input(&job)?;
        tokio::select! {
            ended = child::run(command, input, context) => outcome(&ended?),
            // The command is killed as its future is dropped.
            () = context.cancelled() => {
                if let Some(Interruption::Cancelled { reason }) = context.interruption() {
                    return Err(JobError::permanent(reason));
                }
                if self.stopping.is_cancelled() {
                    // The worker hands the job back once it drops this; to fail would count.
                    std::future::pending::<()>().await;
                }
                Err(JobError::transient("the job's lock was lost"))
            }
        }
    }
}

fn outcome(ended: &Ended) -> Result<Box<RawValue>, JobError> {
    match ended.code {
        Some(0) => Ok(return_value(&ended.output)),
        Some(FAILED_FOR_GOOD) => Err(JobError::permanent(ended.reason())),
        _ => Err(JobError::transient(ended.reason())),
    }
}

/// What a command printed: the JSON where it is JSON, else the text.
fn return_value(output: &str) -> Box<RawValue> {
    let text = output.trim();
    if text.is_empty() {
        return RawValue::NULL.to_owned();
    }
    if serde_json::from_str::<&RawValue>(text).is_ok() {
        return json_or_text(text);
    }
    // Line breaks within a text stay; the last one is the command's way to end a line.
    let text = output.strip_suffix('\n').unwrap_or(output);
    to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_is_returned_as_it_is_and_the_rest_as_text() {
        let returned = |output: &str| return_value(output).get().to_owned();
        assert_eq!(returned(""), "null");
        assert_eq!(returned(" \n"), "null");
        assert_eq!(returned("{\"a\": 1}\n"), "{\"a\": 1}");
        assert_eq!(returned("12\n"), "12");
        assert_eq!(returned("two\nlines\n"), "\"two\\nlines\"");
        assert_eq!(returned("1 2\n"), "\"1 2\"");
    }
}
