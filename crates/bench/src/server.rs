//! What the server under test tells of itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::plain::{PlainConnection, Reply};

/// The server under test.
pub(crate) struct Server(PlainConnection);

impl Server {
    /// Connects to `redis://[user:password@]host[:port][/database]`.
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        Ok(Self(PlainConnection::open(address).await?))
    }

    /// Sends a command; its answer, as text.
    pub(crate) async fn send(&mut self, words: &[&str]) -> Result<String> {
        match self.0.ask(words).await? {
            Reply::Text(text) => Ok(text),
            Reply::Number(number) => Ok(number.to_string()),
            other => bail!("{} was answered with {other:?}", words[0]),
        }
    }

    /// Empties the server, and returns when it is empty.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        self.send(&["FLUSHALL", "SYNC"]).await.map(drop)
    }

    /// Sets the counters back.
    pub(crate) async fn reset(&mut self) -> Result<()> {
        let percentiles = ["CONFIG", "SET", "latency-tracking-info-percentiles", "100"];
        self.send(&percentiles).await?;
        self.send(&["CONFIG", "RESETSTAT"]).await.map(drop)
    }

    /// The longest that a script has held the server since the counters were set back, in
    /// milliseconds; absent if none has run.
    pub(crate) async fn longest_script(&mut self) -> Result<Option<f64>> {
        let info = self.send(&["INFO", "latencystats"]).await?;
        Ok(longest_script(&info))
    }

    /// Seconds of processor time the server has used.
    pub(crate) async fn cpu(&mut self) -> Result<f64> {
        let info = self.send(&["INFO", "cpu"]).await?;
        Ok(number(&info, "used_cpu_user")? + number(&info, "used_cpu_sys")?)
    }

    /// Calls of each command since the counters were set back, those inside scripts included.
    pub(crate) async fn calls(&mut self) -> Result<BTreeMap<String, u64>> {
        let info = self.send(&["INFO", "commandstats"]).await?;
        Ok(calls(&info))
    }
}

fn longest_script(info: &str) -> Option<f64> {
    let longest = info.lines().filter_map(|line| {
        let (name, percentiles) = line
            .strip_prefix("latency_percentiles_usec_")?
            .split_once(':')?;
        let micros: f64 = percentiles.strip_prefix("p100=")?.trim().parse().ok()?;
        name.starts_with("eval").then_some(micros / 1000.0)
    });
    longest.reduce(f64::max)
}

/// A number of what INFO tells.
pub(crate) fn number(info: &str, name: &str) -> Result<f64> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|value| value.trim().parse().ok())
        .with_context(|| format!("the server's INFO has no number {name}"))
}

/// Commands with which programs look at the server, not with which they work.
const LOOKING: [&str; 4] = ["info", "config", "client", "command"];

fn calls(info: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (name, counters) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let calls = counters
            .split(',')
            .find_map(|counter| counter.strip_prefix("calls="))?;
        Some((name.to_owned(), calls.parse().ok()?))
    };
    info.lines()
        .filter_map(line)
        .filter(|(name, _)| !LOOKING.iter().any(|looking| name.starts_with(looking)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_script_is_told_in_milliseconds() {
        let info = "# Latencystats\r\n\
            latency_percentiles_usec_zadd:p100=9000.383\r\n\
            latency_percentiles_usec_eval:p100=250.000\r\n\
            latency_percentiles_usec_evalsha:p100=1500.000\r\n";
        assert_eq!(longest_script(info), Some(1.5));
        assert_eq!(longest_script(""), None);
    }

    #[test]
    fn calls_are_those_that_work_and_not_those_that_look() {
        let info = "# Commandstats\r\n\
            cmdstat_config|resetstat:calls=1,usec=9,usec_per_call=9.00\r\n\
            cmdstat_evalsha:calls=12,usec=100,usec_per_call=8.33\r\n\
            cmdstat_info:calls=2,usec=1,usec_per_call=0.50\r\n\
            cmdstat_zadd:calls=7,usec=3,usec_per_call=0.40\r\n";
        let expected = [("evalsha".to_owned(), 12), ("zadd".to_owned(), 7)];
        assert_eq!(calls(info), BTreeMap::from(expected));
    }

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let info = "# CPU\r\nused_cpu_sys_children:9\r\nused_cpu_sys:1.5\r\n";
        assert!((number(info, "used_cpu_sys").unwrap() - 1.5).abs() < 1e-9);
        assert!(number(info, "used_cpu_user").is_err());
    }
}
