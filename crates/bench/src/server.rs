//! What the server under test tells of itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::plain::{PlainConnection, Reply};

/// How long scripts held a server, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Holds {
    /// What 999 of 1,000 calls took at most; where scripts are called by several commands, by that of
    /// them for which it is most.
    pub(crate) p999: f64,
    pub(crate) longest: f64,
}

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
        let percentiles = "latency-tracking-info-percentiles";
        self.send(&["CONFIG", "SET", percentiles, "99.9 100"])
            .await?;
        self.send(&["CONFIG", "RESETSTAT"]).await.map(drop)
    }

    /// How long scripts have held the server since the counters were set back; absent if none has
    /// run.
    pub(crate) async fn holds(&mut self) -> Result<Option<Holds>> {
        let info = self.send(&["INFO", "latencystats"]).await?;
        Ok(holds(&info))
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

fn holds(info: &str) -> Option<Holds> {
    let of_command = |line: &str| {
        let (name, percentiles) = line
            .strip_prefix("latency_percentiles_usec_")?
            .split_once(':')?;
        let millis = |name: &str| {
            let mut all = percentiles.trim().split(',');
            let micros: f64 = all.find_map(|each| each.strip_prefix(name))?.parse().ok()?;
            Some(micros / 1000.0)
        };
        let holds = Holds {
            p999: millis("p99.9=")?,
            longest: millis("p100=")?,
        };
        name.starts_with("eval").then_some(holds)
    };
    let all = info.lines().filter_map(of_command);
    all.reduce(|one, other| Holds {
        p999: one.p999.max(other.p999),
        longest: one.longest.max(other.longest),
    })
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
    fn how_long_scripts_hold_the_server_is_told_in_milliseconds() {
        let info = "# Latencystats\r\n\
            latency_percentiles_usec_zadd:p99.9=9000.383,p100=9000.383\r\n\
            latency_percentiles_usec_eval:p99.9=250.000,p100=250.000\r\n\
            latency_percentiles_usec_evalsha:p99.9=900.000,p100=1500.000\r\n";
        let told = Holds {
            p999: 0.9,
            longest: 1.5,
        };
        assert_eq!(holds(info), Some(told));
        assert_eq!(holds(""), None);
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
