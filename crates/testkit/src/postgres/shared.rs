//! One server for all tests of a run, whichever process they run in.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::launch::{self, Source};
use crate::port::{free_port, shared_dir};

/// What the first test leaves for the others, and for whoever ends the server: `scripts/test`.
#[derive(Serialize, Deserialize)]
struct State {
    url: String,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir: Option<PathBuf>,
}

/// Nothing here outlives the server, so it need not wait for the disk.
const SETTINGS: [&str; 5] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=400",
    "max_wal_size=2GB",
];

/// The URL of the server that tests share, of its database `postgres`; `TESTKIT_POSTGRES_URL` names
/// another one.
///
/// The first test to ask starts it. It outlives the tests, so that the next run finds it at once;
/// `scripts/test` ends it.
pub(super) async fn url() -> Result<String> {
    if let Ok(url) = std::env::var("TESTKIT_POSTGRES_URL") {
        return Ok(url);
    }
    Ok(find_or_start().await?.url)
}

async fn find_or_start() -> Result<State> {
    let dir = shared_dir()?;
    // Tests run in processes of their own: the first one to get the lock starts the server.
    let lock = File::create(dir.join("postgres.lock"))?;
    lock.lock()
        .context("the lock of the shared Postgres can't be taken")?;
    let file = dir.join("postgres.json");
    if let Some(state) = read(&file)
        && launch::answers(state.port).await
    {
        return Ok(state);
    }
    let state = start().await?;
    std::fs::write(&file, serde_json::to_string(&state)?)?;
    Ok(state)
}

fn read(file: &Path) -> Option<State> {
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

async fn start() -> Result<State> {
    let port = free_port()?;
    let mut state = State {
        url: launch::url(port, "postgres"),
        port,
        container: None,
        pid: None,
        dir: None,
    };
    match Source::find()? {
        Source::Container => {
            let container = launch::container(port, &SETTINGS).await?;
            state.container = Some(container.id().to_owned());
            // Dropping it would end the server that the other tests are to find.
            std::mem::forget(container);
        }
        Source::Local => {
            // Not in this checkout, into which the server's user may not be able to look.
            let dir = tempfile::Builder::new()
                .prefix("testkit-postgres-")
                .tempdir()?
                .keep();
            launch::make_data(&dir)?;
            state.pid = Some(launch::process(port, &dir, &SETTINGS)?.id());
            state.dir = Some(dir);
        }
    }
    launch::until_it_answers(port).await?;
    Ok(state)
}
