//! Which letters a command is about.

use application::dead_letters::DeadLetters;
use clap::Args;
use domain::UnixMillis;
use domain::event::dead_letter::{
    DeadLetter, DeadLetterFilter, DeadLetterId, FailureClass, LetterState,
};

use crate::arguments::{instant, queue_name, refuse};

/// What letters have in common.
#[derive(Debug, Clone, Args)]
pub(super) struct Filter {
    /// Only those of this queue
    #[arg(long, value_name = "QUEUE", value_parser = queue_name)]
    queue: Option<String>,

    /// Only those of this handler, such as `feeds.update`
    #[arg(long, value_name = "HANDLER")]
    handler: Option<String>,

    /// Only those of this type of event, such as `CardAddedToLibrary`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// Only those of this class: undecodable, permanent, exhausted, stalled or other
    #[arg(long, value_name = "CLASS")]
    class: Option<FailureClass>,

    /// Only those of this cause, as `show` tells it
    #[arg(long, value_name = "FINGERPRINT")]
    fingerprint: Option<String>,

    /// Only those in this state: dead, redriven, resolved or discarded; dead if absent
    #[arg(long, value_name = "STATE")]
    state: Option<LetterState>,

    /// Only those that failed at this time or later, in RFC 3339 or Unix milliseconds
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<UnixMillis>,

    /// Only those that failed before this time
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<UnixMillis>,
}

/// Letters by their ids, or by what they have in common.
#[derive(Debug, Clone, Args)]
pub(super) struct Selection {
    /// The letters' ids
    #[arg(value_name = "ID")]
    ids: Vec<DeadLetterId>,

    /// All of them
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    filter: Filter,
}

impl Filter {
    /// The filter of a list, which shows what is dead unless told otherwise.
    pub(super) fn listed(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            queue: self.queue.clone(),
            handler: self.handler.clone(),
            kind: self.kind.clone(),
            class: self.class,
            fingerprint: self.fingerprint.clone(),
            state: Some(self.state.unwrap_or(LetterState::Dead)),
            from: self.from,
            until: self.to,
        }
    }

    fn is_empty(&self) -> bool {
        let all = DeadLetterFilter {
            state: Some(LetterState::Dead),
            ..DeadLetterFilter::default()
        };
        self.state.is_none() && self.listed() == all
    }
}

impl Selection {
    /// The letters, which must be chosen in one way.
    pub(super) async fn letters(&self, letters: &DeadLetters) -> anyhow::Result<Vec<DeadLetter>> {
        let ways = [
            !self.ids.is_empty(),
            self.all,
            !self.all && !self.filter.is_empty(),
        ];
        if ways.into_iter().filter(|way| *way).count() != 1 {
            refuse("say which letters: their ids, or what they have in common, or --all");
        }
        if self.ids.is_empty() {
            return Ok(letters.select(&self.filter.listed()).await?);
        }
        let mut found = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            found.push(letters.find(*id).await?);
        }
        Ok(found)
    }
}
