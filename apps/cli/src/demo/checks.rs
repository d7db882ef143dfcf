//! What must be in a feed and among notifications, judged by what was read.

use std::collections::BTreeMap;

use super::report::CardStory;
use super::session::{FeedItem, Told};

/// How many cards a problem names.
const NAMED: usize = 3;

/// What is wrong with a feed that must hold these cards of this author, each once, and no others.
pub(super) fn feed(cards: &[CardStory], author: &str, items: &[FeedItem]) -> Option<String> {
    let seen = items.iter().map(|item| {
        let is_hers = item.author.id == author;
        is_hers.then_some(item.card.id.as_str())
    });
    each_once(cards, seen)
}

/// What is wrong with the notifications of somebody who must be told of each of these cards once,
/// because they follow `actor`, and of nothing else.
pub(super) fn followee_saved(cards: &[CardStory], actor: &str, told: &[Told]) -> Option<String> {
    let seen = told.iter().map(|told| {
        let is_hers = told.kind == "followee-saved" && told.entry.actor.id == actor;
        let card = told.entry.card.as_ref().filter(|_| is_hers)?;
        Some(card.id.as_str())
    });
    each_once(cards, seen)
}

/// What is wrong with what somebody was told, of which one thing must be of this kind, by this actor,
/// about this card or about none.
pub(super) fn told_once(
    kind: &str,
    actor: &str,
    card: Option<&str>,
    told: &[Told],
) -> Option<String> {
    let is_it = |told: &&Told| {
        let about = told.entry.card.as_ref().map(|card| card.id.as_str());
        told.kind == kind && told.entry.actor.id == actor && about == card
    };
    match told.iter().filter(is_it).count() {
        1 => None,
        0 => Some("it is missing".to_owned()),
        times => Some(format!("it is there {times} times")),
    }
}

/// What is wrong with a list that must hold each card once; `None` in it is something else.
fn each_once<'a>(
    cards: &[CardStory],
    seen: impl Iterator<Item = Option<&'a str>>,
) -> Option<String> {
    let mut times: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for id in seen {
        *times.entry(id).or_default() += 1;
    }
    let (mut missing, mut repeated) = (Vec::new(), Vec::new());
    for card in cards {
        match times.remove(&Some(card.id.as_str())).unwrap_or(0) {
            0 => missing.push(card.title.as_str()),
            1 => {}
            _ => repeated.push(card.title.as_str()),
        }
    }
    let others: usize = times.values().sum();

    let mut problems = Vec::new();
    if !missing.is_empty() {
        let (count, all) = (missing.len(), cards.len());
        problems.push(format!("{count} of {all} missing: {}", named(&missing)));
    }
    if !repeated.is_empty() {
        let count = repeated.len();
        problems.push(format!(
            "{count} there more than once: {}",
            named(&repeated)
        ));
    }
    if others > 0 {
        problems.push(format!("{others} there that should not be"));
    }
    (!problems.is_empty()).then(|| problems.join("; "))
}

/// The first few by name.
fn named(titles: &[&str]) -> String {
    let first = titles.iter().take(NAMED).map(|title| format!("“{title}”"));
    let first = first.collect::<Vec<_>>().join(", ");
    match titles.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::demo::report::Took;
    use crate::demo::session::{Entry, Identified};

    fn id(id: &str) -> Identified {
        Identified { id: id.to_owned() }
    }

    fn cards(ids: &[&str]) -> Vec<CardStory> {
        let card = |id: &&str| CardStory {
            id: (*id).to_owned(),
            url: format!("https://example.org/{id}"),
            title: id.to_uppercase(),
            saved: Took(Duration::ZERO),
            in_feed: None,
            notified: None,
        };
        ids.iter().map(card).collect()
    }

    fn items(items: &[(&str, &str)]) -> Vec<FeedItem> {
        let item = |(card, author): &(&str, &str)| FeedItem {
            card: id(card),
            author: id(author),
        };
        items.iter().map(item).collect()
    }

    fn notification(kind: &str, actor: &str, card: Option<&str>) -> Told {
        Told {
            kind: kind.to_owned(),
            entry: Entry {
                actor: id(actor),
                card: card.map(id),
            },
        }
    }

    #[test]
    fn a_feed_holds_each_card_once() {
        let cards = cards(&["a", "b"]);
        let problem = |seen: &[(&str, &str)]| feed(&cards, "ada", &items(seen));
        assert_eq!(problem(&[("b", "ada"), ("a", "ada")]), None);
        assert_eq!(problem(&[("b", "ada")]).unwrap(), "1 of 2 missing: “A”");
        assert_eq!(
            problem(&[("b", "ada"), ("a", "ada"), ("b", "ada")]).unwrap(),
            "1 there more than once: “B”"
        );
        assert_eq!(
            problem(&[("b", "ada"), ("a", "eve"), ("c", "ada")]).unwrap(),
            "1 of 2 missing: “A”; 2 there that should not be"
        );
    }

    #[test]
    fn of_many_cards_only_a_few_are_named() {
        let cards = cards(&["a", "b", "c", "d", "e"]);
        assert_eq!(
            feed(&cards, "ada", &[]).unwrap(),
            "5 of 5 missing: “A”, “B”, “C” and 2 more"
        );
    }

    #[test]
    fn a_follower_is_told_of_each_card_once_and_of_nothing_else() {
        let cards = cards(&["a"]);
        let mut told = vec![notification("followee-saved", "ada", Some("a"))];
        assert_eq!(followee_saved(&cards, "ada", &told), None);
        told.push(notification("new-follower", "eve", None));
        assert_eq!(
            followee_saved(&cards, "ada", &told).unwrap(),
            "1 there that should not be"
        );
    }

    #[test]
    fn one_notification_is_found_among_others() {
        let about_card = notification("same-url-saved", "ada", Some("a"));
        let problem = |told: &[Told]| told_once("same-url-saved", "ada", Some("a"), told);
        let other = notification("same-url-saved", "eve", Some("a"));
        assert_eq!(problem(&[other, about_card.clone()]), None);
        assert_eq!(problem(&[]).unwrap(), "it is missing");
        let twice = [about_card.clone(), about_card];
        assert_eq!(problem(&twice).unwrap(), "it is there 2 times");
        let follower = notification("new-follower", "ben", None);
        assert_eq!(told_once("new-follower", "ben", None, &[follower]), None);
    }
}
