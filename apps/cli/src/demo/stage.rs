//! Who takes part, and what was counted before they did anything.

use std::time::Duration;

use reqwest::Url;

use super::analytics::{Ledger, REGISTERED};
use super::api::{Answer, Api};
use super::report::{Curator, Requests, Spread, Took};
use super::session::Session;

/// A rate limited queue may start nothing for this long: the window of `notifications`, unless it is
/// set to something else.
const RATE_LIMIT_WINDOW: Duration = Duration::from_secs(60);

/// Everybody who takes part, signed in.
pub(super) struct Stage {
    /// Saves the links.
    pub(super) ada: Session,
    /// Follows Ada.
    pub(super) ben: Session,
    /// Has one of the links already.
    pub(super) cyd: Session,
    /// What the analytics must count.
    pub(super) ledger: Ledger,
    /// How long nothing new may arrive before the rest counts as missing.
    pub(super) patience: Duration,
    run: String,
    registrations: Spread,
}

impl Stage {
    /// Registers everybody, under names that no other run has.
    pub(super) async fn set(url: Url, patience: Duration) -> anyhow::Result<Self> {
        let api = Api::at(url)?;
        let mut run = uuid::Uuid::new_v4().simple().to_string();
        run.truncate(12);
        let register = async |name: &str| -> anyhow::Result<Answer<Session>> {
            Session::register(&api, &handle(name, &run), name).await
        };
        let ada = register("Ada").await?;
        let mut ledger = Ledger::opened_after_registering(ada.body.totals().await?);
        let ben = register("Ben").await?;
        let cyd = register("Cyd").await?;
        ledger.add(REGISTERED, 2);

        let took = [ada.took, ben.took, cyd.took].map(Took);
        Ok(Self {
            registrations: Spread::of(took).unwrap_or(Spread::single(ada.took)),
            ada: ada.body,
            ben: ben.body,
            cyd: cyd.body,
            ledger,
            patience,
            run,
        })
    }

    /// Everybody who takes part.
    pub(super) fn curators(&self) -> Vec<Curator> {
        let curator = |name, part| Curator {
            name,
            handle: handle(name, &self.run),
            part,
        };
        vec![
            curator("Ada", "saves the links"),
            curator("Ben", "follows Ada"),
            curator("Cyd", "has saved the first link before Ada does"),
        ]
    }

    /// How long it took to register them.
    pub(super) fn registering(&self) -> Requests {
        Requests {
            what: "Ada, Ben and Cyd register".to_owned(),
            took: self.registrations,
        }
    }

    /// The patience with notifications, whose queue is rate limited.
    pub(super) fn patience_with_notifications(&self) -> Duration {
        self.patience + RATE_LIMIT_WINDOW
    }
}

fn handle(name: &str, run: &str) -> String {
    format!("{}-{run}", name.to_lowercase())
}
