//! The settings of the web process.

use std::net::SocketAddr;

use clap::Parser;
use clap::builder::BoolishValueParser;
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

    /// Where everything is stored.
    #[command(flatten)]
    pub database: DatabaseSettings,

    /// Where the queues are.
    #[command(flatten)]
    pub valkey: ValkeySettings,

    /// What the queues are set to.
    #[command(flatten)]
    pub queues: QueueSettingsArgs,

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
