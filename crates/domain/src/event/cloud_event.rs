//! The envelope as JSON: a CloudEvents 1.0 object.
//!
//! Attributes follow <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>;
//! `dataversion`, `correlationid`, `causationid` and `traceparent` are extensions. Integers beyond
//! 2^53 never occur, so JavaScript readers lose nothing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CorrelationId, DomainEvent, EventEnvelope, EventId, EventKind, Origin};
use crate::time::UnixMillis;

/// Why a text is not an envelope that this release can act on.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not a CloudEvents object, or its data is not what its type promises.
    #[error("malformed event envelope at `{at}`: {reason}")]
    Malformed {
        /// The path inside the JSON, `.` for the whole.
        at: String,
        /// What was wrong there.
        reason: String,
    },
    /// An event type this release has never heard of.
    #[error("unknown event type `{0}`")]
    UnknownKind(String),
    /// Written by a newer release, which will be able to read it.
    #[error("{kind} has data version {version}, and this release knows {known} at most")]
    NewerVersion {
        /// The event's type.
        kind: EventKind,
        /// The version of its data.
        version: u32,
        /// The newest version this release reads.
        known: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct CloudEvent<'a> {
    specversion: Cow<'a, str>,
    id: EventId,
    source: String,
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    dataversion: u32,
    subject: String,
    time: UnixMillis,
    correlationid: CorrelationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    causationid: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    data: Value,
}

const SPEC_VERSION: &str = "1.0";

impl EventEnvelope {
    /// The envelope as a CloudEvents JSON object.
    ///
    /// # Panics
    ///
    /// Never: events hold only text, numbers and options, which always have a JSON form.
    pub fn to_json(&self) -> String {
        let kind = self.kind();
        let cloud_event = CloudEvent {
            specversion: Cow::Borrowed(SPEC_VERSION),
            id: self.id,
            source: source(kind),
            kind: Cow::Borrowed(kind.as_str()),
            dataversion: kind.version(),
            subject: self.event.subject().to_string(),
            time: self.occurred_at,
            correlationid: self.origin.correlation_id,
            causationid: self.origin.causation_id,
            traceparent: self.origin.traceparent.clone(),
            data: self.event.to_data().expect("events have a JSON form"),
        };
        serde_json::to_string(&cloud_event).expect("events have a JSON form")
    }

    /// Reads a CloudEvents JSON object, bringing older data up to today's version.
    pub fn from_json(json: &str) -> Result<Self, DecodeError> {
        let cloud_event: CloudEvent<'_> =
            serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json))
                .map_err(|error| malformed("", &error))?;
        if cloud_event.specversion != SPEC_VERSION {
            return Err(DecodeError::Malformed {
                at: "specversion".to_owned(),
                reason: format!(
                    "expected `{SPEC_VERSION}`, found `{}`",
                    cloud_event.specversion
                ),
            });
        }
        let kind: EventKind = cloud_event
            .kind
            .parse()
            .map_err(|_| DecodeError::UnknownKind(cloud_event.kind.to_string()))?;
        let known = kind.version();
        if cloud_event.dataversion > known {
            return Err(DecodeError::NewerVersion {
                kind,
                version: cloud_event.dataversion,
                known,
            });
        }
        let data = upcast(kind, cloud_event.dataversion, cloud_event.data);
        let event =
            DomainEvent::from_data(kind, data).map_err(|error| malformed("data.", &error))?;
        Ok(Self {
            id: cloud_event.id,
            occurred_at: cloud_event.time,
            origin: Origin {
                correlation_id: cloud_event.correlationid,
                causation_id: cloud_event.causationid,
                traceparent: cloud_event.traceparent,
            },
            event,
        })
    }
}

fn source(kind: EventKind) -> String {
    format!("/bellwether/{}", kind.context())
}

/// Brings data of an older version up to today's. Every kind is at its first version, so there is
/// nothing to change yet; a kind that moves on gets an arm here and keeps its golden files.
fn upcast(_kind: EventKind, _version: u32, data: Value) -> Value {
    data
}

fn malformed(within: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> DecodeError {
    DecodeError::Malformed {
        at: format!("{within}{}", error.path()),
        reason: error.inner().to_string(),
    }
}
