//! Domain values for tests: valid, distinct where they must be, and made at [`NOW`] unless said.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test that gives an invalid value should end there"
)]

use std::sync::atomic::{AtomicU32, Ordering};

use domain::cards::events::{CardAddedToLibrary, SavedContent};
use domain::cards::{Card, CardContent, Link, Note};
use domain::curators::{
    ApiToken, Curator, CuratorId, DisplayName, Follow, Handle, PasswordHash, TokenHash, TokenId,
    TokenName,
};
use domain::event::dead_letter::{FailedForGood, FailedWork, FailureClass};
use domain::event::{CorrelationId, Origin};
use domain::notifications::{Entry, EntryId, GroupKey, NotificationKind};
use domain::{DomainEvent, EventEnvelope, EventId, UnixMillis};
use uuid::Uuid;

/// When everything here is made: 2026-11-24T10:00:00Z.
pub const NOW: UnixMillis = UnixMillis::new(1_795_514_400_000);

/// The time some seconds after [`NOW`], or before it.
pub const fn at(seconds: i64) -> UnixMillis {
    UnixMillis::new(NOW.as_i64() + seconds * 1000)
}

/// A curator whose handle nobody else has.
pub fn curator() -> Curator {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    curator_called(&format!(
        "curator-{}",
        COUNT.fetch_add(1, Ordering::Relaxed)
    ))
}

/// A curator with this handle.
pub fn curator_called(handle: &str) -> Curator {
    let display_name = DisplayName::parse(handle).expect("a handle is short");
    Curator::register(handle_of(handle), display_name, NOW).0
}

/// A handle from a text that is one.
pub fn handle_of(text: &str) -> Handle {
    Handle::parse(text).expect("tests give valid handles")
}

/// What is kept of some password; it is the hash of none.
pub fn password_hash() -> PasswordHash {
    PasswordHash::from_phc("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned())
}

/// A token of a curator, with a hash of its own.
pub fn token_of(curator: &Curator) -> ApiToken {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    ApiToken {
        id: TokenId::generate(NOW),
        curator: curator.id,
        name: TokenName::parse("laptop").expect("`laptop` is a name"),
        prefix: "bw_0123".to_owned(),
        hash: TokenHash::from_bytes(hash),
        issued_at: NOW,
    }
}

/// One curator following another.
pub fn follow(follower: &Curator, followee: &Curator) -> Follow {
    Follow {
        follower: follower.id,
        followee: followee.id,
        since: NOW,
    }
}

/// A link from a text that is one.
pub fn link(url: &str) -> Link {
    Link::parse(url).expect("tests give valid links")
}

/// A card with a link and nothing else.
pub fn card_with_url(curator: &Curator, url: &str) -> Card {
    let content = CardContent::Url {
        link: link(url),
        title: None,
        note: None,
    };
    Card::save(curator.id, content, NOW).0
}

/// A card with a note and no link.
pub fn card_with_note(curator: &Curator, text: &str) -> Card {
    let note = Note::parse(text).expect("tests give valid notes");
    Card::save(curator.id, CardContent::Note(note), NOW).0
}

/// A card that was saved at some time.
pub fn saved_at(card: Card, saved_at: UnixMillis) -> Card {
    Card { saved_at, ..card }
}

/// The event that this card was saved.
pub fn card_added(card: &Card) -> DomainEvent {
    let content = match &card.content {
        CardContent::Url { link, title, .. } => SavedContent::Url {
            url: link.clone(),
            title: title.clone(),
        },
        CardContent::Note(_) => SavedContent::Note,
    };
    CardAddedToLibrary {
        card_id: card.id,
        curator_id: card.curator,
        content,
    }
    .into()
}

/// What led to an event: a request that nothing else belongs to.
pub fn origin() -> Origin {
    Origin {
        correlation_id: CorrelationId::generate(NOW),
        causation_id: None,
        traceparent: None,
    }
}

/// An event in its envelope.
pub fn envelope(event: impl Into<DomainEvent>) -> EventEnvelope {
    EventEnvelope::new(event, origin(), NOW)
}

/// An event about a curator that only exists in it.
pub fn any_event() -> EventEnvelope {
    event_about(CuratorId::generate(NOW))
}

/// An event whose subject is this curator.
pub fn event_about(curator: CuratorId) -> EventEnvelope {
    envelope(Follow::end(CuratorId::generate(NOW), curator))
}

/// What tells somebody that they have a new follower.
pub fn entry(recipient: &Curator, actor: &Curator) -> Entry {
    Entry {
        id: EntryId::generate(NOW),
        recipient: recipient.id,
        kind: NotificationKind::NewFollower,
        key: GroupKey::whole_kind(),
        actor: actor.id,
        card: None,
        event: EventId::generate(NOW),
        occurred_at: NOW,
    }
}

/// A handler that failed for good on an event.
pub fn failed_for_good(handler: &str, event: &EventEnvelope) -> FailedForGood {
    FailedForGood {
        work: FailedWork {
            queue: "feeds".to_owned(),
            job: event.id.to_string(),
            handler: handler.to_owned(),
        },
        event: Some(event.id),
        kind: event.kind().to_string(),
        payload: event.to_json(),
        reason: "storage is unavailable".to_owned(),
        class: FailureClass::Exhausted,
        attempts: 3,
        history: Vec::new(),
        failed_at: NOW,
    }
}
