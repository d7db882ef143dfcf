//! The envelope as JSON: a CloudEvents 1.0 object.
//!
//! Attributes follow <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>;
//! `dataversion`, `correlationid`, `causationid` and `traceparent` are extensions. Integers beyond
//! 2^53 never occur, so JavaScript readers lose nothing.

mod upcast;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::upcast::{UPCASTERS, Upcaster, bring_up};
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
        Self::read(json, UPCASTERS, EventKind::version)
    }

    fn read(
        json: &str,
        upcasters: &[Upcaster],
        known: impl Fn(EventKind) -> u32,
    ) -> Result<Self, DecodeError> {
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
        let known = known(kind);
        if cloud_event.dataversion == 0 {
            return Err(DecodeError::Malformed {
                at: "dataversion".to_owned(),
                reason: "expected a number from 1, found 0".to_owned(),
            });
        }
        if cloud_event.dataversion > known {
            return Err(DecodeError::NewerVersion {
                kind,
                version: cloud_event.dataversion,
                known,
            });
        }
        let version = cloud_event.dataversion;
        let data = bring_up(upcasters, kind, version, cloud_event.data);
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

fn malformed(within: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> DecodeError {
    DecodeError::Malformed {
        at: format!("{within}{}", error.path()),
        reason: error.inner().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FOLLOWED: &str = include_str!("../../tests/golden/CuratorFollowed.v1.json");

    /// What two releases might have changed: a name, and then where both stand.
    const UPCASTERS: &[Upcaster] = &[
        Upcaster {
            kind: EventKind::CuratorFollowed,
            from: 2,
            bring_up: |data| json!({"followerId": data["who"][0], "followeeId": data["who"][1]}),
        },
        Upcaster {
            kind: EventKind::CuratorFollowed,
            from: 1,
            bring_up: |data| json!({"who": [data["follower"], data["followee"]]}),
        },
    ];

    fn written(version: u32, data: &Value) -> String {
        let mut event: Value = serde_json::from_str(FOLLOWED).unwrap();
        event["dataversion"] = version.into();
        event["data"] = data.clone();
        event.to_string()
    }

    fn read(version: u32, data: &Value) -> Result<EventEnvelope, DecodeError> {
        EventEnvelope::read(&written(version, data), UPCASTERS, |_| 3)
    }

    #[test]
    fn old_payload_version() {
        let today: Value = serde_json::from_str(FOLLOWED).unwrap();
        let (who, whom) = (&today["data"]["followerId"], &today["data"]["followeeId"]);
        let expected = EventEnvelope::from_json(FOLLOWED).unwrap();
        for (version, data) in [
            (1, json!({"follower": who, "followee": whom})),
            (2, json!({"who": [who, whom]})),
            (3, today["data"].clone()),
        ] {
            assert_eq!(read(version, &data).unwrap(), expected, "version {version}");
        }
        // What is wrong with old data is told in the words of today's.
        let error = read(1, &json!({"follower": 7, "followee": whom})).unwrap_err();
        assert!(
            error.to_string().contains("at `data.followerId`"),
            "{error}"
        );
    }

    #[test]
    fn there_is_no_version_before_the_first() {
        let error = read(0, &json!({})).unwrap_err();
        assert!(error.to_string().contains("at `dataversion`"), "{error}");
    }
}
