//! The one line of JSON that a run prints.

use serde_json::{Map, Value, json};

use crate::window::Measured;

/// What a run found out.
pub(crate) struct Report {
    /// Who was measured.
    pub(crate) program: &'static str,
    pub(crate) case: &'static str,
    /// Jobs in the window.
    pub(crate) jobs: usize,
    pub(crate) measured: Measured,
    /// What only this case tells.
    pub(crate) extras: Value,
    /// What was not as often as it had to be; absent if each job was there, and ran, exactly as often.
    pub(crate) fault: Option<String>,
}

impl Report {
    /// The line, without its end.
    pub(crate) fn line(&self, concurrency: usize, has_detail: bool) -> String {
        let jobs = self.jobs as f64;
        let measured = &self.measured;
        let calls: u64 = measured.calls.values().sum();
        let scripts = measured.calls.iter().filter(|(name, _)| is_script(name));
        let scripts: u64 = scripts.map(|(_, calls)| calls).sum();
        let mut line = json!({
            "impl": self.program,
            "case": self.case,
            "jobs": self.jobs,
            "concurrency": concurrency,
            "seconds": rounded(measured.seconds),
            "rate": (jobs / measured.seconds).round(),
            "server_cpu_s_per_10k": rounded(measured.server_cpu / jobs * 1e4),
            "client_cpu_s_per_10k": rounded(measured.own_cpu / jobs * 1e4),
            "rss_mb": measured.resident.map(|bytes| bytes >> 20),
            "server_calls_per_job": rounded(calls as f64 / jobs),
            "evalsha_per_job": rounded(scripts as f64 / jobs),
            "hold_p999_ms": measured.holds.map(|holds| rounded(holds.p999)),
            "hold_longest_ms": measured.holds.map(|holds| rounded(holds.longest)),
            "exact": self.fault.is_none(),
        });
        let mut add = |fields: &Value| {
            let all = line.as_object_mut().expect("it was made as an object");
            all.extend(fields.as_object().into_iter().flatten().map(cloned));
        };
        if has_detail {
            let each = measured.calls.iter();
            let each =
                each.map(|(name, calls)| (name.clone(), rounded(*calls as f64 / jobs).into()));
            add(&json!({"per_command": each.collect::<Map<_, _>>()}));
        }
        add(&self.extras);
        if let Some(fault) = &self.fault {
            add(&json!({"fault": fault}));
        }
        line.to_string()
    }
}

fn cloned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn is_script(command: &str) -> bool {
    command.starts_with("eval") || command.starts_with("fcall")
}

/// To three places.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::server::Holds;

    fn report(fault: Option<&str>) -> Report {
        let calls = [("evalsha", 20), ("hset", 100), ("zadd", 5)];
        Report {
            program: "bellwether",
            case: "add",
            jobs: 100,
            measured: Measured {
                seconds: 0.5,
                server_cpu: 0.002,
                own_cpu: 0.01,
                resident: Some(7 << 20),
                holds: Some(Holds {
                    p999: 0.25,
                    longest: 0.5,
                }),
                calls: calls.map(|(name, n)| (name.to_owned(), n)).into(),
            },
            extras: json!({"chunk": 10}),
            fault: fault.map(str::to_owned),
        }
    }

    fn parsed(report: &Report, has_detail: bool) -> BTreeMap<String, Value> {
        serde_json::from_str(&report.line(50, has_detail)).unwrap()
    }

    #[test]
    fn figures_are_by_job() {
        let line = parsed(&report(None), false);
        let expected = json!({
            "impl": "bellwether", "case": "add", "jobs": 100, "concurrency": 50, "seconds": 0.5,
            "rate": 200.0, "server_cpu_s_per_10k": 0.2, "client_cpu_s_per_10k": 1.0, "rss_mb": 7,
            "server_calls_per_job": 1.25, "evalsha_per_job": 0.2, "hold_p999_ms": 0.25,
            "hold_longest_ms": 0.5, "exact": true, "chunk": 10,
        });
        assert_eq!(serde_json::to_value(line).unwrap(), expected);
    }

    #[test]
    fn detail_tells_each_command() {
        let line = parsed(&report(None), true);
        assert_eq!(
            line["per_command"],
            json!({"evalsha": 0.2, "hset": 1.0, "zadd": 0.05})
        );
    }

    #[test]
    fn a_fault_is_told_and_why() {
        let line = parsed(&report(Some("job 3 ran 2 times")), false);
        assert_eq!(line["exact"], false);
        assert_eq!(line["fault"], "job 3 ran 2 times");
    }
}
