//! `bellwether dead-letter`.

mod change;
mod selection;
mod shown;

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;

use application::dead_letters::DeadLetters;
use clap::{Args, Subcommand};
use domain::PageRequest;
use domain::event::dead_letter::DeadLetterId;
use process::SystemClock;
use process::settings::{Database, DatabaseSettings};
use serde_json::json;

use self::selection::Filter;
use self::shown::Letter;
use crate::arguments::page_limit;
use crate::output::Table;
use crate::server::Server;

/// One command does one thing at a time.
const CONNECTIONS: NonZeroU32 = NonZeroU32::new(4).expect("it is not zero");

/// Looks after jobs that failed for good
#[derive(Debug, Args)]
pub(crate) struct DeadLetterCommand {
    #[command(flatten)]
    server: Server,

    /// The database, as `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        value_name = "URL",
        default_value = "sqlite://bellwether.db",
        hide_env_values = true,
        help_heading = "Options of every command"
    )]
    database_url: String,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    /// Shows all that is known about a letter
    Show(Which),
    Edit(change::Edit),
    Redrive(change::Redriving),
    Discard(change::Discard),
}

/// Which letter.
#[derive(Debug, Args)]
struct Which {
    /// The letter's id
    id: DeadLetterId,
}

/// Lists letters, the last failure first
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    filter: Filter,

    /// At most so many, up to 100
    #[arg(long, value_name = "N", default_value = "20", value_parser = page_limit)]
    limit: domain::PageLimit,
}

/// The open letters.
struct Desk<'a> {
    server: &'a Server,
    letters: DeadLetters,
    database: Database,
}

impl DeadLetterCommand {
    /// Carries it out.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let database = DatabaseSettings {
            database_url: self.database_url,
            database_connections: CONNECTIONS,
        };
        let database = database.open_ready().await?;
        let desk = Desk {
            server: &self.server,
            letters: DeadLetters::new(database.store(), Arc::new(SystemClock)),
            database,
        };
        let done = match self.action {
            Action::List(list) => list.run(&desk).await,
            Action::Show(which) => show(&desk, which.id).await,
            Action::Edit(edit) => edit.run(&desk).await,
            Action::Redrive(redriving) => redriving.run(&desk).await,
            Action::Discard(discard) => discard.run(&desk).await,
        };
        desk.database.close().await;
        done
    }
}

async fn show(desk: &Desk<'_>, id: DeadLetterId) -> anyhow::Result<ExitCode> {
    let letter = Letter::from(desk.letters.find(id).await?);
    desk.server.show(&letter, Letter::facts)?;
    Ok(ExitCode::SUCCESS)
}

impl List {
    async fn run(self, desk: &Desk<'_>) -> anyhow::Result<ExitCode> {
        let filter = self.filter.listed();
        let request = PageRequest {
            after: None,
            limit: self.limit,
        };
        let page = desk.letters.list(&filter, request).await?;
        let has_more = page.next.is_some();
        let letters: Vec<_> = page.rows.into_iter().map(Letter::from).collect();
        let answer = json!({"letters": letters, "hasMore": has_more});
        desk.server.show(&answer, |_| {
            let mut table = Table::new(Letter::HEADINGS);
            for letter in &letters {
                table.row(letter.cells());
            }
            let mut text = table.or("No dead letters");
            if has_more {
                text.push_str("There are more; raise --limit, or narrow what is listed\n");
            }
            text
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
