//! Where log lines go and what they look like: standard error, for people or for programs.

mod json;
mod panics;

use std::fmt;
use std::io::{self, IsTerminal};
use std::str::FromStr;

use anyhow::Context;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use json::JsonLines;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere
    Auto,
    /// One readable line an event
    Text,
    /// One JSON object an event, with the fields of its spans
    Json,
}

/// Which log lines are written, such as `info` or `info,infra_redis=debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

/// Why a text is not a filter of log lines.
#[derive(Debug, thiserror::Error)]
pub enum LogFilterError {
    /// The names of targets and spans are made of ASCII.
    #[error("must be made of ASCII characters")]
    Character,
    /// Not what a filter looks like.
    #[error(transparent)]
    Syntax(#[from] ParseError),
}

/// How a process logs.
#[derive(Debug, Clone, clap::Args)]
pub struct LogSettings {
    /// How log lines are written
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Auto)]
    pub log_format: LogFormat,
    /// Which log lines are written, such as `info` or `info,infra_redis=debug`
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value_t = LogFilter::default())]
    pub log_filter: LogFilter,
}

/// Starts to log as the settings say, panics included. Once a process.
pub fn init(settings: &LogSettings) -> anyhow::Result<()> {
    let registry = tracing_subscriber::registry().with(settings.log_filter.to_env_filter());
    let is_terminal = io::stderr().is_terminal();
    if settings.log_format.is_json(is_terminal) {
        registry.with(JsonLines::new(io::stderr)).try_init()
    } else {
        let text = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(is_terminal);
        registry.with(text).try_init()
    }
    .context("logs are set up already")?;
    panics::log_panics();
    Ok(())
}

impl LogFormat {
    fn is_json(self, is_terminal: bool) -> bool {
        match self {
            Self::Auto => !is_terminal,
            Self::Text => false,
            Self::Json => true,
        }
    }
}

impl LogFilter {
    fn to_env_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A variable that is set to nothing means the default, not silence.
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        // After a space the parser of tracing-subscriber cuts at the wrong bytes, and panics where they
        // are within a character.
        if !text.is_ascii() {
            return Err(LogFilterError::Character);
        }
        EnvFilter::builder().parse(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Process {
        #[command(flatten)]
        logs: LogSettings,
    }

    #[test]
    fn auto_is_text_on_a_terminal_alone() {
        assert!(!LogFormat::Auto.is_json(true) && LogFormat::Auto.is_json(false));
        assert!(!LogFormat::Text.is_json(false) && LogFormat::Json.is_json(true));
    }

    #[test]
    fn settings_are_flags() {
        let arguments = [
            "process",
            "--log-format",
            "json",
            "--log-filter",
            "warn,web=debug",
        ];
        let logs = Process::try_parse_from(arguments).unwrap().logs;
        assert_eq!(logs.log_format, LogFormat::Json);
        assert_eq!(logs.log_filter.to_string(), "warn,web=debug");
    }

    #[test]
    fn an_empty_filter_is_the_default_and_a_wrong_one_is_refused() {
        assert_eq!(" ".parse::<LogFilter>().unwrap(), LogFilter::default());
        assert!("web=loud".parse::<LogFilter>().is_err());
        let error = " [é]".parse::<LogFilter>().unwrap_err();
        assert_eq!(error.to_string(), "must be made of ASCII characters");
    }
}
