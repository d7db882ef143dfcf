//! Who is told what: pure functions from an event and the facts about it to notifications.

use std::collections::BTreeMap;

use super::{Notification, NotificationId, NotificationKind};
use crate::cards::CardId;
use crate::curators::CuratorId;
use crate::event::{DomainEvent, EventEnvelope};
use crate::time::UnixMillis;

/// What must be known about an event's surroundings to decide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Who follows the curator that acted.
    pub followers: Vec<CuratorId>,
    /// Who has a card with the same URL.
    pub savers_of_url: Vec<CuratorId>,
}

/// The notifications an event asks for: at most one a recipient, the most specific one, and none
/// to whoever acted.
pub fn notifications(
    envelope: &EventEnvelope,
    facts: &Facts,
    now: UnixMillis,
) -> Vec<Notification> {
    let (actor, card, wanted) = match &envelope.event {
        DomainEvent::CuratorFollowed(followed) => (
            followed.follower_id,
            None,
            vec![(followed.followee_id, NotificationKind::NewFollower)],
        ),
        DomainEvent::CardAddedToLibrary(added) => {
            let same_url = with_kind(&facts.savers_of_url, NotificationKind::SameUrlSaved);
            let followee = with_kind(&facts.followers, NotificationKind::FolloweeSaved);
            (
                added.curator_id,
                Some(added.card_id),
                [same_url, followee].concat(),
            )
        }
        DomainEvent::CuratorRegistered(_)
        | DomainEvent::CuratorUnfollowed(_)
        | DomainEvent::CardRemovedFromLibrary(_) => return Vec::new(),
    };
    most_specific(wanted)
        .into_iter()
        .filter(|(recipient, _)| *recipient != actor)
        .map(|(recipient, kind)| about(envelope, recipient, kind, actor, card, now))
        .collect()
}

fn with_kind(
    recipients: &[CuratorId],
    kind: NotificationKind,
) -> Vec<(CuratorId, NotificationKind)> {
    recipients
        .iter()
        .map(|recipient| (*recipient, kind))
        .collect()
}

fn most_specific(
    wanted: Vec<(CuratorId, NotificationKind)>,
) -> BTreeMap<CuratorId, NotificationKind> {
    let mut chosen = BTreeMap::new();
    for (recipient, kind) in wanted {
        let best = chosen.entry(recipient).or_insert(kind);
        *best = (*best).min(kind);
    }
    chosen
}

fn about(
    envelope: &EventEnvelope,
    recipient: CuratorId,
    kind: NotificationKind,
    actor: CuratorId,
    card: Option<CardId>,
    now: UnixMillis,
) -> Notification {
    Notification {
        id: NotificationId::generate(now),
        recipient,
        kind,
        actor,
        card,
        event: envelope.id,
        occurred_at: envelope.occurred_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cards::{Card, CardContent, Link};
    use crate::curators::Follow;
    use crate::event::{CorrelationId, Origin};

    const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

    fn envelope(event: DomainEvent) -> EventEnvelope {
        let origin = Origin {
            correlation_id: CorrelationId::generate(NOW),
            causation_id: None,
            traceparent: None,
        };
        EventEnvelope::new(event, origin, NOW)
    }

    fn curator() -> CuratorId {
        CuratorId::generate(NOW)
    }

    fn url_saved_by(curator: CuratorId) -> EventEnvelope {
        let content = CardContent::Url {
            link: Link::parse("https://example.org/").unwrap(),
            title: None,
            note: None,
        };
        envelope(Card::save(curator, content, NOW).1)
    }

    fn told(envelope: &EventEnvelope, facts: &Facts) -> Vec<(CuratorId, NotificationKind)> {
        notifications(envelope, facts, NOW)
            .into_iter()
            .map(|notification| (notification.recipient, notification.kind))
            .collect()
    }

    #[test]
    fn a_new_follower_is_told_to_the_one_who_is_followed() {
        let (ada, bob) = (curator(), curator());
        let event = envelope(Follow::start(ada, bob, NOW).unwrap().1);
        assert_eq!(
            told(&event, &Facts::default()),
            [(bob, NotificationKind::NewFollower)]
        );
    }

    #[test]
    fn one_action_tells_a_person_once_by_the_most_specific_reason() {
        let (ada, bob, cyd) = (curator(), curator(), curator());
        let facts = Facts {
            followers: vec![bob, cyd],
            savers_of_url: vec![bob, ada],
        };
        let mut told = told(&url_saved_by(ada), &facts);
        told.sort_by_key(|(_, kind)| *kind);
        assert_eq!(
            told,
            [
                (bob, NotificationKind::SameUrlSaved),
                (cyd, NotificationKind::FolloweeSaved)
            ]
        );
    }

    #[test]
    fn nobody_is_told_what_they_did_themselves() {
        let ada = curator();
        let facts = Facts {
            followers: vec![ada],
            savers_of_url: vec![ada],
        };
        assert!(told(&url_saved_by(ada), &facts).is_empty());
    }
}
