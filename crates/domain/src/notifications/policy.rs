//! Who is told what: pure functions from an event and the facts about it to entries of notifications.

use std::collections::BTreeMap;

use super::{Entry, EntryId, GroupKey, NotificationKind};
use crate::cards::CardId;
use crate::curators::CuratorId;
use crate::event::{DomainEvent, EventEnvelope};
use crate::time::UnixMillis;

/// What must be known about an event's surroundings to decide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Whether it was undone before anybody was told: the card was removed, the follow has ended.
    pub is_undone: bool,
    /// Who follows the curator that acted.
    pub followers: Vec<CuratorId>,
    /// Who has a card with the same URL.
    pub savers_of_url: Vec<CuratorId>,
}

/// What an event adds to notifications: at most one entry a recipient, the most specific one, and
/// none for whoever acted. What was undone concerns nobody.
pub fn entries(envelope: &EventEnvelope, facts: &Facts, now: UnixMillis) -> Vec<Entry> {
    if facts.is_undone {
        return Vec::new();
    }
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
) -> Entry {
    Entry {
        id: EntryId::generate(now),
        recipient,
        kind,
        key: GroupKey::of(kind, &envelope.event),
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
        entries(envelope, facts, NOW)
            .into_iter()
            .map(|entry| (entry.recipient, entry.kind))
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
            ..Facts::default()
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
            ..Facts::default()
        };
        assert!(told(&url_saved_by(ada), &facts).is_empty());
    }

    #[test]
    fn nobody_is_told_of_what_was_undone() {
        let (ada, bob) = (curator(), curator());
        let facts = Facts {
            is_undone: true,
            followers: vec![bob],
            savers_of_url: vec![bob],
        };
        assert!(told(&url_saved_by(ada), &facts).is_empty());
        let followed = envelope(Follow::start(ada, bob, NOW).unwrap().1);
        assert!(told(&followed, &facts).is_empty());
    }

    #[test]
    fn the_same_page_is_a_matter_of_its_own_and_what_is_followed_is_one() {
        let (ada, bob, cyd) = (curator(), curator(), curator());
        let facts = Facts {
            followers: vec![cyd],
            savers_of_url: vec![bob],
            ..Facts::default()
        };
        let mut keys: Vec<_> = entries(&url_saved_by(ada), &facts, NOW)
            .into_iter()
            .map(|entry| (entry.kind, entry.key.as_str().to_owned()))
            .collect();
        keys.sort();
        let same_url = "https://example.org/".to_owned();
        assert_eq!(
            keys,
            [
                (NotificationKind::SameUrlSaved, same_url),
                (NotificationKind::FolloweeSaved, String::new())
            ]
        );
    }
}
