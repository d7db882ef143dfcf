//! Which entries stand together.

use std::time::Duration;

use super::{NotificationId, NotificationKind};
use crate::cards::events::SavedContent;
use crate::event::DomainEvent;
use crate::time::UnixMillis;

/// How long a notification takes further entries. Times are those of the events, so it does not
/// matter when, in which order or after how many restarts they are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// How long after its last entry.
    pub window: Duration,
    /// How long after its first entry, however many come.
    pub max_age: Duration,
}

impl Default for Grouping {
    fn default() -> Self {
        Self {
            window: Duration::from_mins(5),
            max_age: Duration::from_hours(1),
        }
    }
}

/// An unread notification that an entry might join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The notification.
    pub id: NotificationId,
    /// When its first entry happened.
    pub first_at: UnixMillis,
    /// When its last entry happened.
    pub last_at: UnixMillis,
}

impl Grouping {
    /// Between which moments there must be an entry for one of `at` to join it.
    pub fn reach(self, at: UnixMillis) -> (UnixMillis, UnixMillis) {
        (at.earlier(self.window), at.later(self.window))
    }

    /// The first of these notifications that takes an entry of `at`.
    pub fn choose(self, groups: &[Group], at: UnixMillis) -> Option<NotificationId> {
        let open = groups.iter().find(|group| self.takes(group, at));
        open.map(|group| group.id)
    }

    /// An entry may come late: then it joins what came after it, if that began soon enough.
    fn takes(self, group: &Group, at: UnixMillis) -> bool {
        let (first_at, last_at) = (group.first_at.min(at), group.last_at.max(at));
        at <= group.last_at.later(self.window)
            && at >= group.first_at.earlier(self.window)
            && last_at <= first_at.later(self.max_age)
    }
}

/// What entries of one kind have in common that may stand together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(String);

impl GroupKey {
    /// The key of an entry of this kind that comes of this event.
    ///
    /// Who saved the same page is one matter for each page. New followers are one matter, and so is
    /// everything that was saved by those whom one follows: a line for each of fifty busy people
    /// would be what bursts are gathered to avoid.
    pub fn of(kind: NotificationKind, event: &DomainEvent) -> Self {
        match (kind, event) {
            (NotificationKind::SameUrlSaved, DomainEvent::CardAddedToLibrary(added)) => {
                match &added.content {
                    SavedContent::Url { url, .. } => Self(url.canonical()),
                    SavedContent::Note => Self::whole_kind(),
                }
            }
            _ => Self::whole_kind(),
        }
    }

    /// The key of a kind whose entries are all one matter.
    pub fn whole_kind() -> Self {
        Self(String::new())
    }

    /// The key, as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPING: Grouping = Grouping {
        window: Duration::from_secs(10),
        max_age: Duration::from_secs(60),
    };

    fn at(second: i64) -> UnixMillis {
        UnixMillis::new(second * 1000)
    }

    fn group(first: i64, last: i64) -> Group {
        Group {
            id: NotificationId::generate(at(first)),
            first_at: at(first),
            last_at: at(last),
        }
    }

    #[track_caller]
    fn takes(group: &Group, seconds: &[i64], expected: bool) {
        for second in seconds {
            let chosen = GROUPING.choose(std::slice::from_ref(group), at(*second));
            assert_eq!(chosen, expected.then_some(group.id), "at {second} s");
        }
    }

    #[test]
    fn an_entry_joins_until_the_window_after_the_last_one_has_passed() {
        takes(&group(100, 120), &[100, 110, 120, 121, 130], true);
        takes(&group(100, 120), &[131, 200], false);
    }

    #[test]
    fn an_entry_that_comes_late_joins_what_came_soon_after_it() {
        takes(&group(100, 120), &[90, 99], true);
        takes(&group(100, 120), &[89, 0], false);
    }

    #[test]
    fn nothing_grows_beyond_its_greatest_age_in_either_direction() {
        takes(&group(100, 155), &[155, 160, 95], true);
        takes(&group(100, 155), &[161, 165, 94], false);
    }

    #[test]
    fn of_several_the_first_that_takes_it_is_chosen() {
        let [full, open, other] = [group(0, 60), group(50, 70), group(65, 65)];
        let chosen = GROUPING.choose(&[full, open, other], at(66));
        assert_eq!(chosen, Some(open.id));
        assert_eq!(GROUPING.choose(&[], at(66)), None);
    }

    #[test]
    fn only_what_is_within_reach_can_take_an_entry() {
        assert_eq!(GROUPING.reach(at(66)), (at(56), at(76)));
    }
}
