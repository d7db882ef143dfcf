//! The second part: Ada and Ben take something back, and it must go.

use std::time::Instant;

use anyhow::Context;

use super::arrivals::until;
use super::report::{CardStory, Check, Requests, Spread, Worker};
use super::saving::{counted, request};
use super::session::{FeedItem, Session, Told, everything};
use super::stage::Stage;

/// What was taken back, and whether it went.
pub(crate) struct TakingBack {
    /// What was done.
    pub(crate) requests: Vec<Requests>,
    /// What must have gone.
    pub(crate) checks: Vec<Check>,
}

/// Plays it.
pub(super) async fn play(stage: &mut Stage, cards: &[CardStory]) -> anyhow::Result<TakingBack> {
    let card = cards.last().context("there is no card to remove")?;
    let removed = stage.ada.remove(&card.id).await?;
    stage.ledger.add("CardRemovedFromLibrary", 1);
    let card_went = went(stage, "the removed card", removed.at, |item| {
        item.card.id == card.id
    });
    let card_went = card_went.await?;
    let card_untold = untold(stage, "Ben", &stage.ben, "the removed card", |told| {
        told.entry
            .card
            .as_ref()
            .is_some_and(|told| told.id == card.id)
    });
    let card_untold = card_untold.await?;

    let unfollowed = stage.ben.unfollow(&stage.ada.id).await?;
    stage.ledger.add("CuratorUnfollowed", 1);
    let all_went = went(stage, "Ada's cards", unfollowed.at, |item| {
        item.author.id == stage.ada.id
    });
    let all_went = all_went.await?;
    let follow_untold = untold(stage, "Ada", &stage.ada, "Ben's following her", |told| {
        told.kind == "new-follower" && told.entry.actor.id == stage.ben.id
    });
    let follow_untold = follow_untold.await?;

    let counted = counted(stage, unfollowed.at).await?;
    Ok(TakingBack {
        requests: vec![
            request(format!("Ada removes “{}”", card.title), &removed),
            request("Ben unfollows Ada", &unfollowed),
        ],
        checks: vec![card_went, card_untold, all_went, follow_untold, counted],
    })
}

/// Waits until nothing of a kind is in Ben's feed any more.
async fn went(
    stage: &Stage,
    what: &str,
    since: Instant,
    is_of_kind: impl Fn(&FeedItem) -> bool,
) -> anyhow::Result<Check> {
    let look = async || {
        let feed = stage.ben.home_feed(everything).await?;
        let left = feed.iter().filter(|item| is_of_kind(item)).count();
        Ok((left, left))
    };
    let left = until("Ben's home feed", stage.patience, look).await?;
    let took = (left == 0).then(|| Spread::single(since.elapsed()));
    let problem = (left > 0).then(|| format!("{left} still there"));
    let what = format!("Ben's home feed is rid of {what}");
    Ok(Check::new(what, Worker::Feed, problem).after(took))
}

/// Waits until somebody who has read nothing is not told of what was taken back any more.
async fn untold(
    stage: &Stage,
    name: &str,
    recipient: &Session,
    what: &str,
    is_it: impl Fn(&Told) -> bool,
) -> anyhow::Result<Check> {
    let look = async || {
        let told = recipient.told().await?;
        let left = told.iter().filter(|told| is_it(told)).count();
        Ok((left, left))
    };
    let patience = stage.patience_with_notifications();
    let left = until(&format!("{name}'s notifications"), patience, look).await?;
    let problem = (left > 0).then(|| "it is still there".to_owned());
    let what = format!("{name}'s notifications are rid of {what}");
    Ok(Check::new(what, Worker::Notification, problem))
}
