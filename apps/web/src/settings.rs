//! The settings of the web process.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use application::queues::parse_rate_limit;
use application::rates::RateLimit;
use clap::builder::BoolishValueParser;
use clap::{Args, Parser};
use process::settings::{
    DatabaseSettings, QueueSettingsArgs, RetentionArgs, ShutdownSettings, ValkeySettings,
};
use telemetry::logs::LogSettings;
use telemetry::ops::OpsSettings;

/// The web process: the API, and the relay of its outbox.
#[derive(Debug, Clone, Parser)]
#[command(name = "web", version)]
pub struct WebSettings {
    /// Where the API is served
    #[arg(
        long,
        env = "HTTP_ADDR",
        value_name = "ADDR",
        default_value = "127.0.0.1:8080"
    )]
    pub http_addr: SocketAddr,

    /// Act on events in this process, without Valkey and without workers
    #[arg(long, env = "EMBEDDED", value_parser = BoolishValueParser::new())]
    pub embedded: bool,

    /// What opens the routes of operators, below /v1/admin, in place of a curator's token: 32
    /// characters or more; without it there are no such routes
    #[arg(
        long,
        env = "ADMIN_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub admin_token: Option<Secret>,

    /// Where everything is stored.
    #[command(flatten)]
    pub database: DatabaseSettings,

    /// Where the queues are.
    #[command(flatten)]
    pub valkey: ValkeySettings,

    /// What the queues are set to.
    #[command(flatten)]
    pub queues: QueueSettingsArgs,

    /// How often something may be done.
    #[command(flatten)]
    pub rates: RateArgs,

    /// How long what happened to events is remembered.
    #[command(flatten)]
    pub retention: RetentionArgs,

    /// Where the operator's endpoints are.
    #[command(flatten)]
    pub ops: OpsSettings,

    /// How the process stops.
    #[command(flatten)]
    pub shutdown: ShutdownSettings,

    /// What is logged, and how.
    #[command(flatten)]
    pub logs: LogSettings,
}

/// A setting that is never printed. It may hold anything, so that no message about the setting needs
/// to hold it.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// How often something may be done.
#[derive(Debug, Clone, Copy, Args)]
pub struct RateArgs {
    /// The most requests with one token, such as 100/60s, or none for any number
    #[arg(
        long,
        env = "TOKEN_RATE",
        value_name = "COUNT/DURATION",
        default_value = "6000/60s"
    )]
    pub token_rate: Rate,

    /// The most attempts to sign in as one curator, one after another without success, or none for
    /// any number
    #[arg(
        long,
        env = "SIGN_IN_RATE",
        value_name = "COUNT/DURATION",
        default_value = "10/15m"
    )]
    pub sign_in_rate: Rate,
}

/// A rate limit, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub Option<RateLimit>);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let limit = parse_rate_limit(text)
            .ok_or("expected `none`, or a number and a duration such as 100/60s")?;
        Ok(Self(Some(limit)))
    }
}
