//! Lets one handler act once more on events that were published.

use std::sync::Arc;

use domain::event::archive::{ArchiveFilter, Archived, EventArchive};
use domain::{Clock, EventEnvelope, EventId, StoreError};

use super::acting::{Acted, Admission, act};
use super::chain;
use super::fence::Unfenced;
use super::handler::{EventHandler, HandlerError};
use super::shadow::{Change, ShadowStore};
use crate::SharedStore;

/// How many events are read at once.
const PAGE: u32 = 100;

/// Replays events to a handler.
pub struct Replay {
    store: SharedStore,
    archive: Arc<dyn EventArchive>,
    clock: Arc<dyn Clock>,
    handler: Arc<dyn EventHandler>,
}

/// What became of a replay.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Events that the handler acted on for the first time.
    pub first: u64,
    /// Events that it acted on once more.
    pub again: u64,
    /// Events that were passed over: done in this replay already, or handled before by a handler
    /// that does not bear repetition.
    pub passed_over: u64,
    /// Events that could not be read or handled, and why.
    pub failed: Vec<(EventId, String)>,
}

/// What a handler would change.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ShadowReport {
    /// Events that were looked at.
    pub events: u64,
    /// What would change, by the events that would change something.
    pub changes: Vec<(EventEnvelope, Vec<Change>)>,
    /// Events that could not be read or handled, and why.
    pub failed: Vec<(EventId, String)>,
}

impl Replay {
    /// Replays what this archive holds to this handler.
    pub fn new(
        store: SharedStore,
        archive: Arc<dyn EventArchive>,
        clock: Arc<dyn Clock>,
        handler: Arc<dyn EventHandler>,
    ) -> Self {
        Self {
            store,
            archive,
            clock,
            handler,
        }
    }

    /// Lets the handler act on the events that the filter lets through, in order.
    ///
    /// Under one `name` it acts on each event once, however often the replay is started anew. A
    /// failure keeps no later event from being replayed.
    pub async fn run(
        &self,
        filter: &ArchiveFilter,
        name: &str,
    ) -> Result<ReplayReport, StoreError> {
        let mut report = ReplayReport::default();
        let admission = Admission::Again(name.to_owned());
        let mut place = 0;
        while let Some(page) = self.page(filter, &mut place).await? {
            for archived in page {
                match self.act(&self.store, &archived, &admission).await {
                    None => {}
                    Some(Ok(Acted::Before)) => report.passed_over += 1,
                    Some(Ok(Acted::Now { is_first: true })) => report.first += 1,
                    Some(Ok(Acted::Now { is_first: false })) => report.again += 1,
                    Some(Err(reason)) => report.failed.push((archived.id, reason)),
                }
            }
        }
        Ok(report)
    }

    /// Tells what [`run`](Self::run) would change, and changes nothing: each event is handled in
    /// transactions that are rolled back, so an event does not see what those before it would do.
    pub async fn shadow(&self, filter: &ArchiveFilter) -> Result<ShadowReport, StoreError> {
        let mut report = ShadowReport::default();
        // Nothing is committed, so any name is new.
        let admission = Admission::Again("shadow".to_owned());
        let mut place = 0;
        while let Some(page) = self.page(filter, &mut place).await? {
            for archived in page {
                let shadowed = ShadowStore::in_front_of(&self.store);
                let store: SharedStore = Arc::new(shadowed.clone());
                match self.act(&store, &archived, &admission).await {
                    None => continue,
                    Some(Err(reason)) => report.failed.push((archived.id, reason)),
                    Some(Ok(_)) => {
                        let changes = shadowed.changes();
                        if let (Ok(envelope), false) = (archived.envelope, changes.is_empty()) {
                            report.changes.push((envelope, changes));
                        }
                    }
                }
                report.events += 1;
            }
        }
        Ok(report)
    }

    /// The next page of events; nothing behind the last one.
    async fn page(
        &self,
        filter: &ArchiveFilter,
        place: &mut i64,
    ) -> Result<Option<Vec<Archived>>, StoreError> {
        let page = self.archive.published(filter, *place, PAGE).await?;
        let last = page.last().map(|archived| archived.place);
        *place = last.unwrap_or(*place);
        Ok(last.map(|_| page))
    }

    /// What became of an event; nothing if it does not concern the handler.
    async fn act(
        &self,
        store: &SharedStore,
        archived: &Archived,
        admission: &Admission,
    ) -> Option<Result<Acted, String>> {
        let envelope = match &archived.envelope {
            Ok(envelope) => envelope,
            Err(reason) => return Some(Err(reason.clone())),
        };
        let handler = self.handler.as_ref();
        if !handler.reacts_to(envelope.kind()) {
            return None;
        }
        let acted = act(store, &self.clock, handler, envelope, admission, &Unfenced).await;
        Some(acted.map_err(|error: HandlerError| chain(error.cause())))
    }
}
