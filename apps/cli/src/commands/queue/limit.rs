//! `bellwether queue limit`.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use infra_redis::engine::RateLimit;
use serde::Serialize;

use crate::arguments::{Limit, optional_concurrency, optional_rate_limit, queue_name};
use crate::output::{Facts, count, duration};
use crate::server::{AnyQueue, Server};

/// Shows or sets how many jobs of a queue may run at once and start in a time, over all workers
///
/// A rate limit takes the place of the number in the workers' own limits.
#[derive(Debug, Args)]
pub(super) struct LimitCommand {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// Let at most so many jobs be active at once, or as many as the workers take
    #[arg(long, value_name = "N|none", value_parser = optional_concurrency)]
    concurrency: Option<Limit<NonZeroU32>>,

    /// Let at most so many jobs start in a time, or as many as the workers' own limits allow
    #[arg(long, value_name = "MAX/DURATION|none", value_parser = optional_rate_limit)]
    rate: Option<Limit<RateLimit>>,
}

/// The limits of a queue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    queue: String,
    concurrency: Option<u32>,
    rate_limit: Option<Rate>,
}

#[derive(Debug, Serialize)]
struct Rate {
    max: u32,
    /// In milliseconds, as BullMQ has it.
    duration: u64,
}

impl LimitCommand {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let queue = server.queue(&self.queue).await?;
        match self.concurrency {
            Some(Limit::Some(concurrency)) => queue.set_global_concurrency(concurrency).await?,
            Some(Limit::None) => queue.remove_global_concurrency().await?,
            None => {}
        }
        match self.rate {
            Some(Limit::Some(rate)) => queue.set_global_rate_limit(rate).await?,
            Some(Limit::None) => queue.remove_global_rate_limit().await?,
            None => {}
        }
        server.show(&Limits::of(&queue).await?, Limits::to_text)
    }
}

impl Limits {
    async fn of(queue: &AnyQueue) -> anyhow::Result<Self> {
        let rate = queue.global_rate_limit().await?;
        Ok(Self {
            queue: queue.id().name().to_owned(),
            concurrency: queue.global_concurrency().await?,
            rate_limit: rate.map(|rate| Rate {
                max: rate.max,
                duration: u64::try_from(rate.window.as_millis()).unwrap_or(u64::MAX),
            }),
        })
    }

    fn to_text(&self) -> String {
        let mut facts = Facts::new(format!("Limits of {}", self.queue));
        let none = || "none".to_owned();
        let concurrency = self.concurrency.map(|number| number.to_string());
        facts.add("concurrency", &concurrency.unwrap_or_else(none));
        let rate = self.rate_limit.as_ref();
        let rate = rate.map(|rate| {
            let window = Duration::from_millis(rate.duration);
            format!("{} in {}", count(rate.max.into(), "job"), duration(window))
        });
        facts.add("rate", &rate.unwrap_or_else(none));
        facts.to_string()
    }
}
