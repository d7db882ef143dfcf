//! Runs a command for one job, and listens to what it says meanwhile.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use infra_redis::engine::{JobContext, JobError};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tracing::warn;

/// The most that a command may print as its return value.
const MAX_OUTPUT: u64 = 16 * 1024 * 1024;

/// The longest line of its standard error that is read in one piece.
const MAX_LINE: u64 = 64 * 1024;

/// How much of the end of its standard error can become the reason of a failure.
const MAX_REASON: usize = 2000;

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Absent if a signal ended it.
    pub(super) code: Option<i32>,
    /// Its standard output.
    pub(super) output: String,
    status: ExitStatus,
    errors: String,
}

impl Ended {
    /// Why it failed: the end of what it said, or else how it ended.
    pub(super) fn reason(&self) -> String {
        let said = self.errors.trim();
        if !said.is_empty() {
            return said.to_owned();
        }
        match (self.code, self.status.signal()) {
            (Some(code), _) => format!("the command exited with {code} and said nothing"),
            (None, Some(signal)) => format!("the command was ended by signal {signal}"),
            (None, None) => "the command ended in an unknown way".to_owned(),
        }
    }
}

/// Runs a command to its end, in a process group of its own that is killed if this is dropped.
///
/// The end is when the command has exited and nobody holds its outputs any more.
pub(super) async fn run(
    command: &str,
    input: String,
    context: &JobContext,
) -> Result<Ended, JobError> {
    let failed = |what: &str, error: &std::io::Error| {
        JobError::transient(format!("the command {what}: {error}"))
    };
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed("could not be started", &error))?;
    // Declared after the child, so that it is dropped before: then the child is not reaped yet, and
    // the number of the group can't be that of another one.
    let mut group = Group::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(JobError::transient("the command has no standard streams"));
    };
    let feed = async {
        feed(stdin, &input).await;
        Ok(())
    };
    let ((), output, errors) = tokio::try_join!(feed, output(stdout), listen(stderr, context))?;
    let status = child.wait().await;
    group.is_over = true;
    let status = status.map_err(|error| failed("can't be waited for", &error))?;
    Ok(Ended {
        code: status.code(),
        output,
        status,
        errors,
    })
}

/// The processes of a command.
struct Group {
    leader: Option<Pid>,
    is_over: bool,
}

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            leader: id.and_then(Pid::from_raw),
            is_over: false,
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader.filter(|_| !self.is_over) {
            // It may have ended by itself, which is what is wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

async fn feed(mut stdin: ChildStdin, input: &str) {
    // A command need not read what it is given.
    let _ = stdin.write_all(input.as_bytes()).await;
    let _ = stdin.write_all(b"\n").await;
}

async fn output(stdout: impl AsyncRead + Unpin) -> Result<String, JobError> {
    let mut bytes = Vec::new();
    let read = stdout.take(MAX_OUTPUT + 1).read_to_end(&mut bytes).await;
    read.map_err(|error| JobError::transient(format!("the output can't be read: {error}")))?;
    if bytes.len() as u64 > MAX_OUTPUT {
        let reason = format!("the command printed more than {MAX_OUTPUT} bytes");
        return Err(JobError::permanent(reason));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Passes on what the command says about the job; the end of all else it says.
async fn listen(stderr: impl AsyncRead + Unpin, context: &JobContext) -> Result<String, JobError> {
    let mut stderr = BufReader::new(stderr);
    let (mut line, mut errors) = (Vec::new(), String::new());
    loop {
        line.clear();
        let mut piece = (&mut stderr).take(MAX_LINE);
        let read = piece.read_until(b'\n', &mut line).await;
        if read
            .map_err(|error| JobError::transient(format!("the command can't be heard: {error}")))?
            == 0
        {
            return Ok(errors);
        }
        let text = String::from_utf8_lossy(&line);
        let told = match Said::parse(text.trim_end_matches(['\n', '\r'])) {
            Said::Progress(progress) => context.update_progress(progress).await,
            Said::Log(log) => context.log(log).await.map(drop),
            Said::Other => {
                keep_end(&mut errors, &text);
                Ok(())
            }
        };
        if let Err(error) = told {
            // The work goes on without.
            warn!(%error, "What the command told about its job could not be noted");
        }
    }
}

/// A line of a command's standard error.
enum Said<'a> {
    Progress(&'a RawValue),
    Log(&'a str),
    Other,
}

impl<'a> Said<'a> {
    fn parse(line: &'a str) -> Self {
        if let Some(log) = line.strip_prefix("log: ") {
            return Self::Log(log);
        }
        let progress = line
            .strip_prefix("progress: ")
            .and_then(|json| serde_json::from_str(json).ok());
        progress.map_or(Self::Other, Self::Progress)
    }
}

/// Appends a text, and drops from the front what is too much.
fn keep_end(end: &mut String, text: &str) {
    end.push_str(text);
    if end.len() > MAX_REASON {
        let surplus = end.ceil_char_boundary(end.len() - MAX_REASON);
        end.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_tell_about_the_job_are_told_from_others() {
        let progress = Said::parse(r#"progress: {"done": 3}"#);
        assert!(matches!(progress, Said::Progress(json) if json.get() == r#"{"done": 3}"#));
        assert!(matches!(
            Said::parse("log: half way"),
            Said::Log("half way")
        ));
        for other in ["progress: half", "progress", "logs: a", "error: b", ""] {
            assert!(matches!(Said::parse(other), Said::Other), "{other}");
        }
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut end = String::new();
        keep_end(&mut end, &"ü".repeat(MAX_REASON));
        keep_end(&mut end, "end\n");
        assert!(end.len() <= MAX_REASON && end.ends_with("üend\n"));
    }
}
