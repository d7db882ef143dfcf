//! What every adapter of the storage ports promises, one function a clause.
//!
//! An adapter runs the whole suite with [`store_contract!`](crate::store_contract); behaviour that
//! all adapters share is specified here and nowhere else.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a clause is a test: it panics where it does not hold"
)]
#![allow(
    missing_docs,
    reason = "the name of a clause is the sentence that says what it demands"
)]

pub mod analytics;
pub mod archive;
pub mod cards;
pub mod curators;
pub mod dead_letters;
pub mod feeds;
pub mod generations;
pub mod grouping;
pub mod inbox;
pub mod notifications;
pub mod outbox;
pub mod relays;
pub mod retention;
pub mod unit_of_work;

use std::num::NonZeroU32;
use std::time::Duration;

use domain::cards::Card;
use domain::curators::{Curator, CuratorId, FollowerChunk, Handle};
use domain::event::archive::EventArchive;
use domain::event::generation::Generations;
use domain::event::outbox::OutboxReader;
use domain::event::retention::Retention;
use domain::{
    EventEnvelope, EventId, Page, PageLimit, PageRequest, Store, StoreError, UnitOfWork, UnixMillis,
};

use crate::builders;

/// An adapter under test: a store, the relay's side of its outbox, what was published and in which
/// generation, and what forgets.
pub trait Adapter: Store + OutboxReader + EventArchive + Generations + Retention {}

impl<T: Store + OutboxReader + EventArchive + Generations + Retention> Adapter for T {}

/// Turns a list of clauses into named tests for one adapter.
///
/// `$fresh` is an async function beside the call that gives `(adapter, guard)`: an adapter that
/// holds nothing, and what must stay alive as long as it is used.
#[macro_export]
macro_rules! contract {
    ($port:ident, $fresh:ident, [$($clause:ident),+ $(,)?]) => {
        mod $port {
            $(
                #[tokio::test]
                async fn $clause() {
                    let (adapter, _guard) = super::$fresh().await;
                    $crate::contract::$port::$clause(&adapter).await;
                }
            )+
        }
    };
}

/// Runs every clause of every storage port for one adapter; see [`contract!`](crate::contract!).
#[macro_export]
macro_rules! store_contract {
    ($fresh:ident) => {
        $crate::contract!(
            analytics,
            $fresh,
            [
                counts_each_kind_on_its_own,
                counts_on_the_utc_day,
                lists_the_oldest_day_first,
                loses_no_count_when_many_count_at_once,
            ]
        );
        $crate::contract!(
            archive,
            $fresh,
            [
                gives_what_was_published_in_order,
                gives_what_the_filter_lets_through,
            ]
        );
        $crate::contract!(
            cards,
            $fresh,
            [
                keeps_a_card_as_it_was_saved,
                misses_politely_what_was_never_saved,
                refuses_a_second_card_for_the_same_page,
                lets_two_curators_save_the_same_page,
                takes_any_number_of_notes,
                takes_a_page_again_after_its_card_was_removed,
                gives_a_card_to_its_owner_only,
                removes_a_card_once,
                lists_the_newest_cards_up_to_a_limit,
                names_everybody_who_saved_a_page_before,
                refuses_a_card_of_nobody,
                pages_through_a_library_without_gaps,
                keeps_a_page_in_place_while_cards_are_added,
                keeps_libraries_apart,
            ]
        );
        $crate::contract!(
            curators,
            $fresh,
            [
                finds_a_curator_by_id_and_by_handle,
                misses_politely_what_was_never_added,
                keeps_the_password_hash_for_signing_in,
                replaces_a_password_hash_only_if_it_is_the_one_that_was,
                refuses_a_handle_that_is_taken,
                tells_who_exists,
                finds_a_token_by_its_hash,
                lists_the_newest_token_first,
                removes_a_token_for_its_owner_only,
                follows_once,
                unfollows_once,
                names_every_follower,
                lists_the_newest_followee_first,
                refuses_what_refers_to_nobody,
            ]
        );
        $crate::contract!(
            dead_letters,
            $fresh,
            [
                keeps_a_failure_as_it_happened,
                keeps_one_letter_for_what_failed,
                keeps_nothing_that_was_rolled_back,
                reconciles_what_is_missing_alone,
                resolves_what_a_handler_has_done_after_all,
                edits_a_dead_letter_and_keeps_how_it_was,
                lists_what_the_filter_lets_through,
                keeps_one_letter_of_two_that_record_at_once,
                lets_one_of_two_that_reconcile_at_once_keep_it,
                lets_one_of_two_that_decide_at_once_have_its_way,
                leaves_no_letter_dead_whose_handler_acts_at_the_same_time,
                keeps_what_no_text_should_hold,
                counts_what_is_dead_by_handler_and_class,
            ]
        );
        $crate::contract!(
            feeds,
            $fresh,
            [
                fans_out_to_the_followers_and_to_nobody_else,
                fans_out_chunk_by_chunk,
                fans_out_once,
                fans_out_nothing_after_the_card_was_removed,
                backfills_a_follower,
                backfills_once,
                backfills_nothing_after_the_follow_ended,
                hides_a_removed_card_before_it_is_retracted,
                retracts_a_card_from_every_feed,
                retracts_an_author_who_is_not_followed_any_more,
                keeps_an_author_who_is_followed_again,
                orders_by_time_saved_not_by_time_added,
                pages_through_a_feed_without_gaps,
            ]
        );
        $crate::contract!(
            grouping,
            $fresh,
            [
                gathers_a_burst_in_one_notification,
                tells_recipients_kinds_and_matters_apart,
                opens_another_when_the_window_has_passed,
                puts_what_comes_late_where_it_belongs,
                adds_nothing_to_what_was_read,
                opens_one_when_two_are_added_at_once,
                takes_back_what_nobody_has_read_about_a_card,
                takes_back_follows_that_have_ended,
                keeps_a_follow_from_ending_while_it_is_told,
                keeps_a_card_from_being_removed_while_it_is_told,
            ]
        );
        $crate::contract!(
            inbox,
            $fresh,
            [
                is_the_first_time_once,
                tells_handlers_and_events_apart,
                forgets_what_was_rolled_back,
                forgets_what_it_is_told_to,
                lets_one_of_two_at_once_be_the_first,
            ]
        );
        $crate::contract!(
            notifications,
            $fresh,
            [
                shows_what_concerns_the_recipient,
                notifies_once_an_event_and_recipient,
                outlives_the_card_it_is_about,
                marks_what_is_the_recipients_own,
                marks_a_notification_once,
                marks_a_notification_by_any_of_its_entries,
                marks_everything_up_to_a_moment,
                pages_through_notifications_without_gaps,
                pages_through_entries_without_gaps,
            ]
        );
        $crate::contract!(
            outbox,
            $fresh,
            [
                gives_events_in_the_order_they_were_recorded_in,
                gives_back_the_whole_envelope,
                gives_at_most_the_limit,
                skips_what_was_published,
                puts_an_event_off_until_it_is_due,
                holds_back_later_events_of_a_deferred_subject,
                goes_on_with_a_subject_once_the_deferred_event_left,
                sets_a_parked_event_aside,
                lets_what_was_set_aside_go_again,
                names_a_due_time_at_which_something_is_pending,
                forgets_a_due_time_once_the_event_left,
                ignores_events_it_does_not_know,
                tells_how_much_waits,
                wakes_the_relay_for_a_commit_before_it_listened,
                wakes_the_relay_that_listens,
                records_nothing_that_was_rolled_back,
                shows_a_subjects_events_in_the_order_of_their_commits,
            ]
        );
        $crate::contract!(
            relays,
            $fresh,
            [
                claims_what_is_pending_in_order,
                gives_a_subject_to_one_relay_at_a_time,
                gives_the_rest_of_a_subject_after_its_claim,
                gives_back_what_a_claim_did_not_publish,
                leaves_recording_alone_while_a_claim_is_held,
                publishes_every_event_once_and_in_order_with_relays_at_once,
            ]
        );
        $crate::contract!(
            generations,
            $fresh,
            [
                begins_with_other_data_and_tells_one_caller,
                records_nothing_as_published_in_a_generation_that_is_over,
                publishes_again_what_a_handler_has_still_to_act_on,
                leaves_to_its_letter_what_failed_for_good,
                looks_once_at_what_each_generation_published,
                looks_at_so_many_at_a_time_in_order,
            ]
        );
        $crate::contract!(
            retention,
            $fresh,
            [
                forgets_what_was_published_before_a_time,
                keeps_what_is_not_published,
                forgets_the_oldest_first_up_to_a_limit,
                forgets_what_was_handled_before_a_time,
                forgets_letters_to_which_nothing_happened_for_long,
            ]
        );
        $crate::contract!(
            unit_of_work,
            $fresh,
            [
                takes_effect_as_a_whole,
                leaves_no_trace_when_dropped,
                sees_its_own_changes,
                lets_readers_proceed,
                goes_on_after_a_conflict,
                lets_one_of_two_that_decide_alike_have_its_way,
                answers_a_ping,
            ]
        );
    };
}

/// Far more than any adapter needs, and less than a test runner's own limit.
const PATIENCE: Duration = Duration::from_secs(10);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it should have happened by now")
}

/// Does something in a unit of work of its own, which must succeed.
async fn commit<T>(
    store: &dyn Adapter,
    change: impl AsyncFnOnce(&mut dyn UnitOfWork) -> Result<T, StoreError>,
) -> T {
    let mut unit = soon(store.begin()).await.unwrap();
    let value = change(&mut *unit).await.unwrap();
    unit.commit().await.unwrap();
    value
}

async fn register<const N: usize>(store: &dyn Adapter) -> [Curator; N] {
    let curators = std::array::from_fn(|_| builders::curator());
    commit(store, async |unit| {
        for curator in &curators {
            unit.curators()
                .add(curator, &builders::password_hash())
                .await?;
        }
        Ok(())
    })
    .await;
    curators
}

async fn follow(store: &dyn Adapter, follower: &Curator, followee: &Curator) {
    let follow = builders::follow(follower, followee);
    assert!(commit(store, async |unit| unit.curators().follow(&follow).await).await);
}

async fn save(store: &dyn Adapter, cards: &[Card]) {
    commit(store, async |unit| {
        for card in cards {
            unit.cards().add(card).await?;
        }
        Ok(())
    })
    .await;
}

async fn record(store: &dyn Adapter, events: &[EventEnvelope]) {
    commit(store, async |unit| unit.outbox().record(events).await).await;
}

/// Whether this is the first time, in a unit of work of its own.
async fn first_time(store: &dyn Adapter, handler: &str, event: EventId, now: UnixMillis) -> bool {
    commit(store, async |unit| {
        unit.inbox().first_time(handler, event, now).await
    })
    .await
}

async fn pending(store: &dyn Adapter, now: UnixMillis) -> Vec<EventId> {
    let pending = store.pending(now, 100).await.unwrap();
    pending
        .into_iter()
        .map(|pending| pending.envelope.id)
        .collect()
}

fn first_page(rows: u32) -> PageRequest {
    PageRequest {
        after: None,
        limit: PageLimit::try_new(rows).unwrap(),
    }
}

/// All rows of a list, read a few at a time.
async fn page_by_page<T>(
    rows: u32,
    read: impl AsyncFn(PageRequest) -> Result<Page<T>, StoreError>,
) -> Vec<T> {
    let mut all = Vec::new();
    let mut request = first_page(rows);
    loop {
        let page = read(request).await.unwrap();
        assert!(page.rows.len() <= rows as usize);
        all.extend(page.rows);
        request.after = page.next;
        if page.next.is_none() {
            return all;
        }
    }
}

/// Cards of which most were saved at the same moment.
fn cards_with_ties(curator: &Curator) -> Vec<Card> {
    [3, 1, 2, 2, 2, 2, 2, 0]
        .into_iter()
        .map(|second| {
            let url = format!("https://example.org/{}", uuid::Uuid::new_v4());
            builders::saved_at(builders::card_with_url(curator, &url), builders::at(second))
        })
        .collect()
}

fn newest_first(mut cards: Vec<Card>) -> Vec<Card> {
    cards.sort_by_key(|card| std::cmp::Reverse(card.position()));
    cards
}

/// At most so many followers, those behind this one.
fn followers(after: Option<CuratorId>, limit: u32) -> FollowerChunk {
    FollowerChunk {
        after,
        limit: NonZeroU32::new(limit).unwrap(),
    }
}

fn nobodys_handle() -> Handle {
    builders::handle_of("nobody")
}
