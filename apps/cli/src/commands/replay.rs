//! `bellwether replay`.

use std::process::ExitCode;
use std::sync::Arc;

use application::events::handler::EventHandler;
use application::events::replay::{Replay, ReplayReport, ShadowReport};
use application::{handler_named, handler_names};
use clap::Args;
use domain::event::archive::ArchiveFilter;
use domain::{EventId, EventKind, UnixMillis};
use process::SystemClock;
use process::settings::{Database, DatabaseSettings};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arguments::{instant, refuse};
use crate::output::{self, count, harmless};

/// Lets one handler act once more on events that were published
///
/// A handler that bears repetition (feeds.update, notifications.in-app) acts on all of them: what is
/// there already stays as it is. One that does not (analytics.count) acts on those alone that it has
/// not handled.
#[derive(Debug, Args)]
pub(crate) struct Replaying {
    #[command(flatten)]
    database: DatabaseSettings,

    /// The handler, such as `feeds.update`
    #[arg(long, value_name = "HANDLER")]
    handler: String,

    /// Only events that happened at this time or later, in RFC 3339 or Unix milliseconds
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<UnixMillis>,

    /// Only events that happened before this time
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<UnixMillis>,

    /// Only events of this type, such as `CardAddedToLibrary`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<EventKind>,

    /// Only events about this card or curator
    #[arg(long, value_name = "ID")]
    aggregate: Option<Uuid>,

    /// Change nothing, and tell what would change
    #[arg(long)]
    shadow: bool,

    /// Go on with the replay of this name, which passes over what it has done; a new one if absent
    #[arg(long, value_name = "NAME", conflicts_with = "shadow")]
    resume: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Replaying {
    /// Carries it out.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let filter = self.filter();
        if filter == ArchiveFilter::default() {
            refuse("say which events: --from, --to, --type or --aggregate");
        }
        let Some(handler) = handler_named(&self.handler) else {
            let names = handler_names().join(", ");
            refuse(&format!(
                "there is no handler `{}`; there are {names}",
                self.handler
            ));
        };
        let database = self.database.open_ready().await?;
        let replay = replay(&database, handler);
        let all_done = if self.shadow {
            let report = replay.shadow(&filter).await?;
            self.show_shadow(&report)?;
            report.failed.is_empty()
        } else {
            let new = || Uuid::new_v4().to_string();
            let name = self.resume.clone().unwrap_or_else(new);
            // Before anything is done: whoever is interrupted needs it.
            eprintln!("Replay {name}; if it is interrupted, go on with --resume {name}");
            let report = replay.run(&filter, &name).await?;
            self.show(&name, &report)?;
            report.failed.is_empty()
        };
        database.close().await;
        Ok(if all_done {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn filter(&self) -> ArchiveFilter {
        ArchiveFilter {
            from: self.from,
            until: self.to,
            kind: self.kind,
            subject: self.aggregate,
        }
    }

    fn show(&self, name: &str, report: &ReplayReport) -> anyhow::Result<()> {
        let ReplayReport {
            first,
            again,
            passed_over,
            failed,
        } = report;
        if self.json {
            let answer = json!({
                "handler": self.handler, "replay": name, "first": first, "again": again,
                "passedOver": passed_over, "failed": failures(failed),
            });
            return output::line(&answer.to_string()).map(drop);
        }
        let mut lines = vec![format!(
            "{} acted on {} for the first time and on {again} again; {passed_over} were passed over",
            self.handler,
            count(*first, "event"),
        )];
        lines.extend(failed.iter().map(failure_line));
        if !failed.is_empty() {
            lines.push(format!("Try those again with --resume {name}"));
        }
        output::line(&lines.join("\n")).map(drop)
    }

    fn show_shadow(&self, report: &ShadowReport) -> anyhow::Result<()> {
        if self.json {
            let changes = report.changes.iter().map(|(envelope, changes)| {
                let changes = changes.iter().map(|change| {
                    json!({
                        "effect": change.effect.as_str(), "about": change.about,
                        "rows": change.rows,
                    })
                });
                json!({
                    "event": envelope.id, "type": envelope.kind().as_str(),
                    "time": envelope.occurred_at, "changes": changes.collect::<Vec<_>>(),
                })
            });
            let answer = json!({
                "handler": self.handler, "shadow": true, "events": report.events,
                "changes": changes.collect::<Vec<_>>(), "failed": failures(&report.failed),
            });
            return output::line(&answer.to_string()).map(drop);
        }
        let mut lines = vec![format!(
            "Of {}, {} would change something",
            count(report.events, "event"),
            report.changes.len()
        )];
        for (envelope, changes) in &report.changes {
            let (kind, at) = (envelope.kind(), envelope.occurred_at);
            lines.push(format!("{kind} {} of {at}", envelope.id));
            lines.extend(changes.iter().map(|change| format!("  {change}")));
        }
        lines.extend(report.failed.iter().map(failure_line));
        output::line(&lines.join("\n")).map(drop)
    }
}

fn replay(database: &Database, handler: Arc<dyn EventHandler>) -> Replay {
    let clock = Arc::new(SystemClock);
    Replay::new(database.store(), database.archive(), clock, handler)
}

fn failures(failed: &[(EventId, String)]) -> Vec<Value> {
    let failures = failed.iter();
    failures
        .map(|(event, reason)| json!({"event": event, "reason": reason}))
        .collect()
}

fn failure_line((event, reason): &(EventId, String)) -> String {
    format!("Not {event}: {}", harmless(reason))
}
