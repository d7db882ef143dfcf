//! `bellwether job add`.

use clap::Args;
use serde_json::json;

use super::options::{PlaceOptions, WorkOptions};
use crate::arguments::{Document, document, queue_name};
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
        let data = self.data.read()?;
        let queue = server.queue(&self.queue).await?;
        let id = queue.add(&self.name, &data, &options).await?;
        let answer = json!({"queue": self.queue, "id": id, "name": self.name});
        server.show(&answer, |_| format!("Added job {id} to {}", self.queue))
    }
}
