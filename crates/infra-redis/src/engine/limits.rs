//! How many jobs of a queue may run at once and in a time, for all its workers together.

use std::num::NonZeroU32;
use std::time::Duration;

use super::error::{EngineError, OptionError};
use super::keys::Suffix;
use super::options::millis;
use super::queue::Queue;
use super::reply::{Decoder, Reply};
use super::scripts;
use super::worker::RateLimit;

/// The count that stands for "no more": the highest number that every client reads exactly.
const EXHAUSTED: &str = "9007199254740991";

impl<T> Queue<T> {
    /// Whether no job may start because the queue is paused.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if queue.is_paused().await? {
    ///     queue.resume().await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn is_paused(&self) -> Result<bool, EngineError> {
        let args = vec![self.keys.of(Suffix::Meta), "paused".to_owned()];
        let reply = self.connection.command("HEXISTS", args).await?;
        Ok(Decoder("HEXISTS").int(&reply)? == 1)
    }

    /// How many jobs may be active at once; as many as the workers take if absent.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let at_once = queue.global_concurrency().await?;
    /// # Ok(()) }
    /// ```
    pub async fn global_concurrency(&self) -> Result<Option<u32>, EngineError> {
        let [concurrency] = self.settings(["concurrency"]).await?;
        Ok(concurrency)
    }

    /// Whether no further job may start because as many are active as the global concurrency
    /// allows.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if queue.is_maxed().await? {
    ///     tracing::info!("jobs wait for others to end");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn is_maxed(&self) -> Result<bool, EngineError> {
        let active = vec![self.keys.of(Suffix::Active)];
        let active = self.connection.command("LLEN", active);
        let (active, concurrency) = tokio::try_join!(active, self.global_concurrency())?;
        let active = Decoder("LLEN").count(&active)?;
        Ok(concurrency.is_some_and(|concurrency| active >= u64::from(concurrency)))
    }

    /// Lets at most so many jobs be active at once, whatever the workers' own concurrency is. Those
    /// that are active already go on.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use std::num::NonZeroU32;
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.set_global_concurrency(NonZeroU32::MIN).await?;
    /// # Ok(()) }
    /// ```
    pub async fn set_global_concurrency(&self, concurrency: NonZeroU32) -> Result<(), EngineError> {
        self.set(&[("concurrency", concurrency.to_string())]).await
    }

    /// Lets as many jobs be active as the workers take.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.remove_global_concurrency().await?;
    /// # Ok(()) }
    /// ```
    pub async fn remove_global_concurrency(&self) -> Result<(), EngineError> {
        self.unset(&["concurrency"]).await
    }

    /// How many jobs may start in a time; see [`set_global_rate_limit`](Self::set_global_rate_limit).
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if let Some(limit) = queue.global_rate_limit().await? {
    ///     tracing::info!("{} jobs in {:?}", limit.max, limit.window);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn global_rate_limit(&self) -> Result<Option<RateLimit>, EngineError> {
        let [max, duration] = self.settings(["max", "duration"]).await?;
        let limit = max.zip(duration).map(|(max, duration)| RateLimit {
            max,
            window: Duration::from_millis(duration.into()),
        });
        Ok(limit)
    }

    /// Lets at most so many jobs start in a window, which begins with the first of them. It takes
    /// the place of the `max` of the workers' own limits; a worker that has one keeps its window.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if the limit allows no job or its window is shorter than a
    /// millisecond. Besides, those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use infra_redis::engine::{EngineError, Queue, RateLimit};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let limit = RateLimit { max: 100, window: Duration::from_secs(60) };
    /// queue.set_global_rate_limit(limit).await?;
    /// # Ok(()) }
    /// ```
    pub async fn set_global_rate_limit(&self, limit: RateLimit) -> Result<(), EngineError> {
        if limit.max == 0 {
            return Err(OptionError::new("rate limit", "must allow at least one job").into());
        }
        let duration = ("duration", at_least_one_milli(limit.window)?);
        self.set(&[("max", limit.max.to_string()), duration]).await
    }

    /// Lets jobs start as often as the workers' own limits allow.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.remove_global_rate_limit().await?;
    /// # Ok(()) }
    /// ```
    pub async fn remove_global_rate_limit(&self) -> Result<(), EngineError> {
        self.unset(&["max", "duration"]).await
    }

    /// Lets no job start for this long, of whole milliseconds. Has an effect only where the queue
    /// or its workers have a rate limit.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if the time is shorter than a millisecond. Besides, those of every
    /// call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.rate_limit(Duration::from_secs(30)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn rate_limit(&self, wait: Duration) -> Result<(), EngineError> {
        let args = [
            self.keys.of(Suffix::Limiter),
            EXHAUSTED.to_owned(),
            "PX".to_owned(),
            at_least_one_milli(wait)?,
        ];
        let sent = self.connection.command("SET", args.into());
        sent.await.map(drop)
    }

    /// Starts the rate limit's count anew; whether anything was counted.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let was_counting = queue.remove_rate_limit().await?;
    /// # Ok(()) }
    /// ```
    pub async fn remove_rate_limit(&self) -> Result<bool, EngineError> {
        let args = vec![self.keys.of(Suffix::Limiter)];
        let reply = self.connection.command("DEL", args).await?;
        Ok(Decoder("DEL").int(&reply)? == 1)
    }

    /// How long no job may start because of the rate limit, in whole milliseconds; absent if one
    /// may.
    ///
    /// `max` is the worker's limit to look by, at least 1. Without it that is the queue's own and,
    /// where there is none, the end of whatever window is running.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if let Some(wait) = queue.rate_limit_ttl(Some(100)).await? {
    ///     tracing::info!("jobs start again in {wait:?}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn rate_limit_ttl(&self, max: Option<u32>) -> Result<Option<Duration>, EngineError> {
        let max = max.unwrap_or(0).to_string();
        let script = &scripts::RATE_LIMIT_TTL;
        let reply = script.call(&self.connection, &self.keys, [max]).await?;
        let ttl = Decoder("rate_limit_ttl").count(&reply)?;
        Ok((ttl > 0).then(|| Duration::from_millis(ttl)))
    }

    async fn settings<const N: usize>(
        &self,
        names: [&'static str; N],
    ) -> Result<[Option<u32>; N], EngineError> {
        let mut args = vec![self.keys.of(Suffix::Meta)];
        args.extend(names.map(str::to_owned));
        let decoder = Decoder("HMGET");
        let reply = self.connection.command("HMGET", args).await?;
        let mut settings = [None; N];
        for (setting, value) in settings.iter_mut().zip(decoder.array::<N>(reply)?) {
            if value != Reply::Nil {
                let number = decoder.count(&value)?;
                *setting = Some(u32::try_from(number).unwrap_or(u32::MAX));
            }
        }
        Ok(settings)
    }

    async fn set(&self, settings: &[(&'static str, String)]) -> Result<(), EngineError> {
        let mut args = vec![self.keys.of(Suffix::Meta)];
        for (name, value) in settings {
            args.extend([(*name).to_owned(), value.clone()]);
        }
        self.connection.command("HSET", args).await.map(drop)
    }

    async fn unset(&self, names: &[&'static str]) -> Result<(), EngineError> {
        let mut args = vec![self.keys.of(Suffix::Meta)];
        args.extend(names.iter().map(ToString::to_string));
        self.connection.command("HDEL", args).await.map(drop)
    }
}

fn at_least_one_milli(duration: Duration) -> Result<String, OptionError> {
    match millis(duration) {
        0 => Err(OptionError::new("rate limit", "must last at least 1 ms")),
        millis => Ok(millis.to_string()),
    }
}
