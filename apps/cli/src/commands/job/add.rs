//! `bellwether job add`.

use std::io::{self, Read};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use serde_json::value::RawValue;

use super::options::{PlaceOptions, WorkOptions};
use crate::arguments::{Document, document, json, queue_name};
use crate::server::Server;

/// Adds a job
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The kind of job
    name: String,

    /// What it works on, as JSON; `-` reads standard input
    #[arg(default_value = "{}", value_parser = document, allow_negative_numbers = true)]
    data: Document,

    #[command(flatten)]
    work: WorkOptions,

    #[command(flatten)]
    place: PlaceOptions,
}

impl Add {
    pub(super) async fn run(self: Box<Self>, server: &Server) -> anyhow::Result<()> {
        let options = self.work.to_options()?;
        let options = self.place.add_to(options, server)?;
        let data = read(self.data)?;
        let queue = server.queue(&self.queue).await?;
        let id = queue.add(&self.name, &data, &options).await?;
        let answer = json!({"queue": self.queue, "id": id, "name": self.name});
        server.show(&answer, |_| format!("Added job {id} to {}", self.queue))
    }
}

fn read(document: Document) -> anyhow::Result<Box<RawValue>> {
    match document {
        Document::Here(data) => Ok(data),
        Document::StandardInput => {
            let mut text = String::new();
            io::stdin()
                .lock()
                .read_to_string(&mut text)
                .context("standard input can't be read")?;
            json(&text).map_err(|error| anyhow::anyhow!("standard input {error}"))
        }
    }
}
