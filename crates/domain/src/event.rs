//! Domain events: facts in the past tense, and the envelope they travel in.
//!
//! The table below is the whole list. A new event is one line here, a struct in its context's
//! `events.rs`, and a golden file of its JSON.

pub mod archive;
pub mod cloud_event;
pub mod dead_letter;
pub mod generation;
pub mod inbox;
pub mod outbox;
pub mod publisher;
pub mod retention;

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::cards::events::{CardAddedToLibrary, CardRemovedFromLibrary};
use crate::curators::events::{CuratorFollowed, CuratorRegistered, CuratorUnfollowed};
use crate::id::uuid_id;
use crate::time::UnixMillis;

uuid_id! {
    /// Identifies an event; also the id of the job that carries it, so publishing twice is harmless.
    EventId
}

uuid_id! {
    /// Ties together everything that one request caused.
    CorrelationId
}

/// Defines [`DomainEvent`], [`EventKind`] and the facts about each kind from one table.
macro_rules! domain_events {
    ($($kind:ident in $context:literal version $version:literal,)+) => {
        /// Something that happened.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum DomainEvent {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind),)+
        }

        /// The type of a [`DomainEvent`], written as its name: `CardAddedToLibrary`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind,)+
        }

        impl DomainEvent {
            /// What happened.
            pub fn kind(&self) -> EventKind {
                match self { $(Self::$kind(_) => EventKind::$kind,)+ }
            }

            /// The aggregate it happened to.
            pub fn subject(&self) -> Uuid {
                match self { $(Self::$kind(event) => event.subject(),)+ }
            }

            fn to_data(&self) -> serde_json::Result<serde_json::Value> {
                match self { $(Self::$kind(event) => serde_json::to_value(event),)+ }
            }

            fn from_data(
                kind: EventKind,
                data: serde_json::Value,
            ) -> Result<Self, serde_path_to_error::Error<serde_json::Error>> {
                match kind {
                    $(EventKind::$kind => serde_path_to_error::deserialize(data).map(Self::$kind),)+
                }
            }
        }

        $(
            impl From<$kind> for DomainEvent {
                fn from(event: $kind) -> Self {
                    Self::$kind(event)
                }
            }
        )+

        impl EventKind {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// The name, as it stands in envelopes and as a job's name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)+ }
            }

            /// The bounded context that raises it.
            pub const fn context(self) -> &'static str {
                match self { $(Self::$kind => $context,)+ }
            }

            /// The version of its data that this release writes; it reads this one and older ones.
            pub const fn version(self) -> u32 {
                match self { $(Self::$kind => $version,)+ }
            }
        }
    };
}

domain_events! {
    CuratorRegistered in "curators" version 1,
    CuratorFollowed in "curators" version 1,
    CuratorUnfollowed in "curators" version 1,
    CardAddedToLibrary in "cards" version 1,
    CardRemovedFromLibrary in "cards" version 1,
}

/// No event has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type `{0}`")]
pub struct UnknownEventKind(pub String);

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = UnknownEventKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| UnknownEventKind(name.to_owned()))
    }
}

/// What led to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Shared by everything that one request caused.
    pub correlation_id: CorrelationId,
    /// The event that caused this one; absent where a request did.
    pub causation_id: Option<EventId>,
    /// The W3C trace context of the request, so that one trace runs from there to the last effect.
    pub traceparent: Option<String>,
}

impl Origin {
    /// The id of the trace that the event belongs to: the second part of the trace context, as
    /// <https://www.w3.org/TR/trace-context/#traceparent-header> lays it out.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }
}

/// A [`DomainEvent`] with what every consumer needs to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEnvelope {
    /// Identifies the event.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: UnixMillis,
    /// What led to it.
    pub origin: Origin,
    /// What happened.
    pub event: DomainEvent,
}

impl EventEnvelope {
    /// Wraps an event that happened just now.
    pub fn new(event: impl Into<DomainEvent>, origin: Origin, now: UnixMillis) -> Self {
        Self {
            id: EventId::generate(now),
            occurred_at: now,
            origin,
            event: event.into(),
        }
    }

    /// What happened.
    pub fn kind(&self) -> EventKind {
        self.event.kind()
    }
}
