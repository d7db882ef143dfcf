//! Questions to the outside that are asked together, each with a limit.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::JoinSet;

/// What a question came to; `Err` says why not, in words for the operator.
pub(crate) type Answer = Result<(), String>;

type BoxFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A question with a name, which can be asked again and again.
pub(crate) struct Probe {
    name: String,
    ask: Box<dyn Fn() -> BoxFuture + Send + Sync>,
}

impl Probe {
    pub(crate) fn new<F, Fut>(name: impl Into<String>, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        Self {
            name: name.into(),
            ask: Box::new(move || Box::pin(ask())),
        }
    }
}

/// Asks everything at once; what has not answered within `limit`, or panicked, counts as failed.
pub(crate) async fn ask_all(probes: &[Probe], limit: Duration) -> BTreeMap<String, Answer> {
    let mut answers = BTreeMap::new();
    let mut running = JoinSet::new();
    for probe in probes {
        answers.insert(probe.name.clone(), Err("the check panicked".to_owned()));
        let (name, question) = (probe.name.clone(), (probe.ask)());
        running.spawn(async move {
            let late = |_| Err(format!("no answer within {limit:?}"));
            let answer = tokio::time::timeout(limit, question).await;
            (name, answer.unwrap_or_else(late))
        });
    }
    while let Some(ended) = running.join_next().await {
        if let Ok((name, answer)) = ended {
            answers.insert(name, answer);
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_that_hangs_or_panics_keeps_no_other_from_its_answer() {
        let probes = [
            Probe::new("fine", || async { Ok(()) }),
            Probe::new("hangs", std::future::pending),
            Probe::new("panics", || async { panic!("on purpose") }),
            Probe::new("refuses", || async { Err("connection refused".to_owned()) }),
        ];
        let answers = ask_all(&probes, Duration::from_secs(2)).await;
        let answers: Vec<_> = answers.into_iter().collect();
        let failed = |name: &str, why: &str| (name.to_owned(), Err(why.to_owned()));
        assert_eq!(
            answers,
            [
                ("fine".to_owned(), Ok(())),
                failed("hangs", "no answer within 2s"),
                failed("panics", "the check panicked"),
                failed("refuses", "connection refused"),
            ]
        );
    }
}
