//! What can be done with letters.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use application::dead_letters::{OutboxRoad, Redrive};
use application::queues::QueueTable;
use async_trait::async_trait;
use clap::Args;
use domain::event::dead_letter::{DeadLetter, DeadLetterId, RedriveError, RedriveRoad};
use infra_redis::redriver::QueueRedriver;
use process::settings::QueueSettingsArgs;
use serde_json::json;

use super::Desk;
use super::selection::Selection;
use super::shown::Letter;
use crate::arguments::{Document, document, pace};
use crate::output::{Table, count, harmless};
use crate::prompt::Confirmation;

/// Puts another payload in the place of a dead letter's
///
/// A redrive then sends it. It must be an event that this release can read, and the one that failed
/// if that could be read. How it was before is kept.
#[derive(Debug, Args)]
pub(super) struct Edit {
    /// The letter's id
    id: DeadLetterId,

    /// The event as JSON, or - for standard input
    #[arg(long, value_name = "JSON", value_parser = document)]
    payload: Document,
}

/// Sends letters on their way again
///
/// Each goes back into its queue with all of its attempts; handlers that have acted on its event do
/// nothing. A letter is resolved once its handler has acted.
#[derive(Debug, Args)]
pub(super) struct Redriving {
    #[command(flatten)]
    selection: Selection,

    /// At most so many a time, such as 10/s or 100/1m
    #[arg(long, value_name = "N/DURATION", default_value = "50/s", value_parser = pace)]
    rate: Duration,

    /// Only tell which letters would be sent
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    queues: QueueSettingsArgs,
}

/// Decides that nothing is to be done about letters
///
/// They are kept until their time is over.
#[derive(Debug, Args)]
pub(super) struct Discard {
    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    confirmation: Confirmation,
}

impl Edit {
    pub(super) async fn run(self, desk: &Desk<'_>) -> anyhow::Result<ExitCode> {
        let payload = self.payload.read()?;
        let letter = desk.letters.edit(self.id, payload.get()).await?;
        desk.server.show(&Letter::from(letter), |_| {
            format!("Edited dead letter {}; redrive it to send it", self.id)
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Redriving {
    pub(super) async fn run(self, desk: &Desk<'_>) -> anyhow::Result<ExitCode> {
        let letters = self.selection.letters(&desk.letters).await?;
        if self.dry_run {
            return would_send(desk, letters);
        }
        // Without Valkey, what never left the outbox can be sent all the same.
        let beyond: Arc<dyn RedriveRoad> = match desk.server.connect().await {
            Ok(connection) => {
                let table: QueueTable = self.queues.table();
                let prefix = desk.server.prefix();
                Arc::new(QueueRedriver::new(&connection, prefix, &table))
            }
            Err(error) => Arc::new(NoQueues(format!("{error:#}"))),
        };
        let road = OutboxRoad::new(desk.database.outbox(), beyond);
        let redrive = Redrive::new(desk.letters.clone(), Arc::new(road));
        let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        let report = redrive.send(&ids, self.rate).await?;
        let refused = report.refused.iter();
        let refused: Vec<_> = refused
            .map(|(id, reason)| json!({"id": id, "reason": reason}))
            .collect();
        let answer = json!({"sent": report.sent, "refused": refused});
        desk.server.show(&answer, |_| {
            let sent = count(report.sent.len() as u64, "dead letter");
            let mut lines = vec![format!("Sent {sent}")];
            let refused = report.refused.iter();
            lines.extend(refused.map(|(id, reason)| format!("Not {id}: {}", harmless(reason))));
            lines.join("\n")
        })?;
        Ok(if report.refused.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn would_send(desk: &Desk<'_>, letters: Vec<DeadLetter>) -> anyhow::Result<ExitCode> {
    let letters: Vec<_> = letters.into_iter().map(Letter::from).collect();
    desk.server.show(&json!({"wouldSend": letters}), |_| {
        let mut table = Table::new(Letter::HEADINGS);
        for letter in &letters {
            table.row(letter.cells());
        }
        let total = count(letters.len() as u64, "dead letter");
        format!("Would send {total}\n{}", table.or(""))
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Discard {
    pub(super) async fn run(self, desk: &Desk<'_>) -> anyhow::Result<ExitCode> {
        let letters = self.selection.letters(&desk.letters).await?;
        let total = count(letters.len() as u64, "dead letter");
        self.confirmation.ask(&format!("Discard {total}?"))?;
        for letter in &letters {
            desk.letters.discard(letter.id).await?;
        }
        let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        desk.server
            .show(&json!({"discarded": ids}), |_| format!("Discarded {total}"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The queues can't be reached, for this reason.
struct NoQueues(String);

#[async_trait]
impl RedriveRoad for NoQueues {
    async fn send(&self, _letter: &DeadLetter) -> Result<(), RedriveError> {
        Err(RedriveError::Refused(format!(
            "its event is not in the outbox any more, and the queues can't be reached: {}",
            self.0
        )))
    }
}
