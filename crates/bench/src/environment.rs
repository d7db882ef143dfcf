//! What a run measures, as the environment says: the same variables that the programs understand
//! which it is measured against.

use std::str::FromStr;
use std::time::Duration;

/// Which completed jobs the worker keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    None,
    Newest(u32),
}

/// How many jobs the worker holds beyond its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookAhead {
    /// This many.
    Jobs(usize),
    /// As many as the engine takes for worth while.
    Automatic,
}

/// The settings of one run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Environment {
    /// The server that does the work.
    pub(crate) url: String,
    /// The same server where its counters are read and jobs preloaded: past a proxy that delays.
    pub(crate) control_url: String,
    pub(crate) queue: String,
    /// Jobs in the window.
    pub(crate) jobs: usize,
    /// Adds under way, and slots of the worker.
    pub(crate) concurrency: usize,
    /// Jobs the worker may hold beyond its slots.
    pub(crate) look_ahead: LookAhead,
    /// Jobs in one bulk.
    pub(crate) chunk: usize,
    /// Bytes of filler in a job's data.
    pub(crate) payload: usize,
    /// Which completed jobs the worker keeps.
    pub(crate) keep: Keep,
    /// Adds a second, where they follow a schedule.
    pub(crate) rate: usize,
    /// Jobs that wait, where more wait than are worked.
    pub(crate) depth: usize,
    pub(crate) delay: Duration,
    pub(crate) backoff: Duration,
    /// How long a job runs.
    pub(crate) work: Duration,
    /// The wait before a window that starts with an idle worker.
    pub(crate) settle: Duration,
    /// Whether the jobs are there already.
    pub(crate) is_preloaded: bool,
    /// Whether the server is emptied first.
    pub(crate) flushes: bool,
    /// Whether calls are told command by command.
    pub(crate) has_detail: bool,
    /// Threads that run the program's tasks.
    pub(crate) threads: usize,
}

/// A variable that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is `{value}`; expected {expected}")]
pub(crate) struct EnvironmentError {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl Environment {
    /// Reads the variables through `lookup`. One that is empty counts as absent.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let variables = Variables(|name: &str| lookup(name).filter(|value| !value.is_empty()));
        if let Some(path) = variables.text("BENCH_UNIX") {
            return Err(EnvironmentError {
                name: "BENCH_UNIX",
                value: path,
                expected: "nothing, since the engine connects over TCP alone; use BENCH_URL",
            });
        }
        let url = variables.text("BENCH_URL");
        let url = url.unwrap_or_else(|| "redis://127.0.0.1:7400".to_owned());
        let is_preloaded = variables.flag("BENCH_PRELOADED")?;
        Ok(Self {
            control_url: variables
                .text("BENCH_CTL_URL")
                .unwrap_or_else(|| url.clone()),
            url,
            queue: variables
                .text("BENCH_QUEUE")
                .unwrap_or_else(|| "bench".to_owned()),
            jobs: variables.at_least_one("BENCH_JOBS", 20_000)?,
            concurrency: variables.at_least_one("BENCH_CONCURRENCY", 1)?,
            look_ahead: variables.look_ahead()?,
            chunk: variables.at_least_one("BENCH_CHUNK", 100)?,
            payload: variables.number("BENCH_PAYLOAD", 64)?,
            keep: variables.keep()?,
            rate: variables.at_least_one("BENCH_RATE", 50)?,
            depth: variables.at_least_one("BENCH_DEPTH", 1000)?,
            delay: variables.millis("BENCH_DELAY_MS", 6000)?,
            backoff: variables.millis("BENCH_BACKOFF_MS", 100)?,
            work: variables.millis("BENCH_WORK_MS", 0)?,
            settle: variables.millis("BENCH_SETTLE_MS", 500)?,
            is_preloaded,
            flushes: !is_preloaded && !variables.flag("BENCH_NOFLUSH")?,
            has_detail: variables.flag("BENCH_DETAIL")?,
            threads: variables.at_least_one("BENCH_THREADS", 1)?,
        })
    }

    /// How many jobs the worker is given, where more wait than are worked.
    pub(crate) fn jobs_of_depth(&self) -> usize {
        self.jobs.min(self.depth)
    }
}

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    fn parse<N: FromStr>(
        &self,
        name: &'static str,
        default: N,
        expected: &'static str,
    ) -> Result<N, EnvironmentError> {
        let Some(value) = self.text(name) else {
            return Ok(default);
        };
        value.parse().map_err(|_| EnvironmentError {
            name,
            value,
            expected,
        })
    }

    fn number(&self, name: &'static str, default: usize) -> Result<usize, EnvironmentError> {
        self.parse(name, default, "a whole number")
    }

    fn at_least_one(&self, name: &'static str, default: usize) -> Result<usize, EnvironmentError> {
        let expected = "a whole number from 1";
        match self.parse(name, default, expected)? {
            0 => Err(EnvironmentError {
                name,
                value: "0".to_owned(),
                expected,
            }),
            number => Ok(number),
        }
    }

    fn millis(&self, name: &'static str, default: u64) -> Result<Duration, EnvironmentError> {
        let millis = self.parse(name, default, "a whole number of milliseconds")?;
        Ok(Duration::from_millis(millis))
    }

    fn flag(&self, name: &'static str) -> Result<bool, EnvironmentError> {
        match self.parse(name, 0_u8, "0 or 1")? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(EnvironmentError {
                name,
                value: other.to_string(),
                expected: "0 or 1",
            }),
        }
    }

    fn look_ahead(&self) -> Result<LookAhead, EnvironmentError> {
        match self.text("BENCH_LOOK_AHEAD").as_deref() {
            Some("auto") => Ok(LookAhead::Automatic),
            _ => self
                .parse("BENCH_LOOK_AHEAD", 0, "auto or a whole number of jobs")
                .map(LookAhead::Jobs),
        }
    }

    fn keep(&self) -> Result<Keep, EnvironmentError> {
        match self.text("BENCH_KEEP").as_deref() {
            None | Some("none") => Ok(Keep::None),
            Some("all") => Ok(Keep::All),
            Some(_) => self
                .parse("BENCH_KEEP", 0, "none, all or a whole number of jobs")
                .map(Keep::Newest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, String> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Environment::read(value).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_what_the_other_programs_do_then() {
        let environment = read(&[]).unwrap();
        assert_eq!(environment.url, "redis://127.0.0.1:7400");
        assert_eq!(environment.control_url, environment.url);
        assert_eq!((environment.jobs, environment.concurrency), (20_000, 1));
        assert_eq!(environment.keep, Keep::None);
        assert!(environment.flushes && !environment.is_preloaded);
    }

    #[test]
    fn what_is_set_is_taken() {
        let environment = read(&[
            ("BENCH_URL", "redis://a:1"),
            ("BENCH_CTL_URL", "redis://b:2"),
            ("BENCH_JOBS", "7"),
            ("BENCH_LOOK_AHEAD", "3"),
            ("BENCH_KEEP", "12"),
            ("BENCH_WORK_MS", "20"),
            ("BENCH_DETAIL", "1"),
        ])
        .unwrap();
        assert_eq!(environment.url, "redis://a:1");
        assert_eq!(environment.control_url, "redis://b:2");
        assert_eq!(environment.jobs, 7);
        assert_eq!(environment.look_ahead, LookAhead::Jobs(3));
        assert_eq!(environment.keep, Keep::Newest(12));
        assert_eq!(environment.work, Duration::from_millis(20));
        assert!(environment.has_detail);
    }

    #[test]
    fn an_empty_variable_counts_as_absent() {
        assert_eq!(read(&[("BENCH_JOBS", ""), ("BENCH_UNIX", "")]), read(&[]));
    }

    #[test]
    fn jobs_that_are_there_already_are_not_flushed() {
        assert!(!read(&[("BENCH_PRELOADED", "1")]).unwrap().flushes);
        assert!(!read(&[("BENCH_NOFLUSH", "1")]).unwrap().flushes);
    }

    #[test]
    fn a_wrong_value_is_answered_with_what_was_expected() {
        let error = |name, value| read(&[(name, value)]).unwrap_err();
        assert_eq!(
            error("BENCH_JOBS", "many"),
            "BENCH_JOBS is `many`; expected a whole number from 1"
        );
        assert_eq!(
            error("BENCH_CONCURRENCY", "0"),
            "BENCH_CONCURRENCY is `0`; expected a whole number from 1"
        );
        assert_eq!(
            error("BENCH_KEEP", "some"),
            "BENCH_KEEP is `some`; expected none, all or a whole number of jobs"
        );
        assert_eq!(
            error("BENCH_DETAIL", "2"),
            "BENCH_DETAIL is `2`; expected 0 or 1"
        );
        assert!(error("BENCH_UNIX", "/a").contains("the engine connects over TCP alone"));
    }
}
