//! `bellwether migrate`.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use process::settings::DatabaseSettings;
use serde::Serialize;

/// Brings the database's schema up to date
///
/// Applies the migrations that are missing, all of them or none. It is safe to run again, and beside
/// another copy of itself or running processes.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    database: DatabaseSettings,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Migrated {
    database: String,
    from: i64,
    to: i64,
}

impl Migrate {
    /// Migrates, and prints the versions before and after.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let url = self.database.url()?;
        let store = self.database.open().await?;
        let before = store.schema_status().await.context("DATABASE_URL")?;
        store.migrate().await?;
        let after = store.schema_status().await.context("DATABASE_URL")?;
        store.close().await;

        let migrated = Migrated {
            database: url.to_string(),
            from: before.version,
            to: after.version,
        };
        print(&migrated, self.json).context("the result can't be printed")?;
        Ok(ExitCode::SUCCESS)
    }
}

fn print(migrated: &Migrated, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer(&mut out, migrated)?;
        writeln!(out)
    } else {
        writeln!(out, "{migrated}")
    }
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, from, to } = self;
        if from == to {
            write!(f, "The schema of {database} is at version {to} already")
        } else {
            write!(
                f,
                "Migrated the schema of {database} from version {from} to {to}"
            )
        }
    }
}
