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
}

/// The URL of the server that tests share; `TESTKIT_VALKEY_URL` names another one.
///
/// The first test to ask starts it. It outlives the tests, so that the next run finds it at once;
/// `scripts/test` ends it.
///
/// # Panics
///
/// When there is no server and none can be started.
pub async fn shared_url() -> String {
    if let Ok(url) = std::env::var("TESTKIT_VALKEY_URL") {
        return url;
    }
    match find_or_start().await {
        Ok(state) => state.url,
        Err(error) => panic!("no Valkey for the tests: {error:#}"),
    }
}

async fn find_or_start() -> Result<State> {
    let dir = shared_dir()?;
    // Tests run in processes of their own: the first one to get the lock starts the server.
    let lock = File::create(dir.join("valkey.lock"))?;
    lock.lock()
        .context("the lock of the shared Valkey can't be taken")?;
    let file = dir.join("valkey.json");
    if let Some(state) = read(&file)
        && launch::answers(state.port).await
    {
        return Ok(state);
    }
    let state = start(&dir).await?;
    std::fs::write(&file, serde_json::to_string(&state)?)?;
    Ok(state)
}

fn read(file: &PathBuf) -> Option<State> {
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

async fn start(dir: &Path) -> Result<State> {
    let port = free_port()?;
    let arguments = ["--save", "", "--appendonly", "no"];
    let (container, pid) = match Source::find()? {
        Source::Container => {
            let container = launch::container(port, &arguments).await?;
            let id = container.id().to_owned();
            // Dropping it would end the server that the other tests are to find.
            std::mem::forget(container);
            (Some(id), None)
        }
        Source::Local => (None, Some(launch::process(port, dir, &arguments)?.id())),
    };
    launch::until_it_answers(port).await?;
    Ok(State {
        url: format!("redis://127.0.0.1:{port}"),
        port,
        container,
        pid,
    })
}
