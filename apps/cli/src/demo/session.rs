//! What a curator does over the API, and the parts of the answers that the demo looks at.

use std::collections::BTreeMap;

use anyhow::ensure;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::api::{Answer, Api};
use super::bookmarks::Bookmark;

/// Something with an id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Identified {
    /// The id.
    pub(crate) id: String,
}

/// A card in a feed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FeedItem {
    /// The card.
    pub(crate) card: Identified,
    /// Who saved it.
    pub(crate) author: Identified,
}

/// A notification, which may tell of several things.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Notification {
    /// The id.
    pub(crate) id: String,
    /// Why.
    pub(crate) kind: String,
}

/// One thing that a notification tells of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    /// Who did it.
    pub(crate) actor: Identified,
    /// With which card.
    pub(crate) card: Option<Identified>,
}

/// One thing that somebody was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// Why.
    pub(crate) kind: String,
    /// What.
    pub(crate) entry: Entry,
}

/// How many events were counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Totals {
    /// Of all types.
    pub(crate) total: u64,
    /// Of each type.
    pub(crate) by_type: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Unread {
    unread: u64,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// A curator who is signed in.
pub(crate) struct Session {
    api: Api,
    /// The curator's id.
    pub(crate) id: String,
}

impl Session {
    /// Registers a curator and signs in; the answer's time is the registration's alone.
    pub(crate) async fn register(
        api: &Api,
        handle: &str,
        display_name: &str,
    ) -> anyhow::Result<Answer<Self>> {
        let password = uuid::Uuid::new_v4().to_string();
        let account =
            json!({ "handle": handle, "displayName": display_name, "password": password });
        let curator: Answer<Identified> = api.create("v1/curators", &account).await?;
        let credentials = json!({ "handle": handle, "password": password, "name": "demo" });
        let token: Answer<Token> = api.create("v1/tokens", &credentials).await?;
        Ok(Answer {
            body: Self {
                api: api.with_token(token.body.token),
                id: curator.body.id,
            },
            took: curator.took,
            at: curator.at,
        })
    }

    /// Follows a curator.
    pub(crate) async fn follow(&self, curator: &str) -> anyhow::Result<Answer<()>> {
        self.api
            .change(Method::PUT, &format!("v1/follows/{curator}"))
            .await
    }

    /// No longer follows a curator.
    pub(crate) async fn unfollow(&self, curator: &str) -> anyhow::Result<Answer<()>> {
        self.api
            .change(Method::DELETE, &format!("v1/follows/{curator}"))
            .await
    }

    /// Saves a bookmark as a card.
    pub(crate) async fn save(&self, bookmark: &Bookmark) -> anyhow::Result<Answer<Identified>> {
        let card = json!({
            "url": bookmark.link,
            "title": bookmark.title,
            "note": bookmark.note,
        });
        self.api.create("v1/cards", &card).await
    }

    /// Removes a card.
    pub(crate) async fn remove(&self, card: &str) -> anyhow::Result<Answer<()>> {
        self.api
            .change(Method::DELETE, &format!("v1/cards/{card}"))
            .await
    }

    /// The home feed, newest first, until `enough` is satisfied with the items so far.
    pub(crate) async fn home_feed(
        &self,
        enough: impl FnMut(&[FeedItem]) -> bool,
    ) -> anyhow::Result<Vec<FeedItem>> {
        self.list("v1/feeds/home", enough).await
    }

    /// The notifications, newest first.
    pub(crate) async fn notifications(&self) -> anyhow::Result<Vec<Notification>> {
        self.list("v1/notifications", everything).await
    }

    /// What a notification tells of, newest first, until `enough` is satisfied with the entries so
    /// far.
    pub(crate) async fn entries(
        &self,
        notification: &Notification,
        enough: impl FnMut(&[Entry]) -> bool,
    ) -> anyhow::Result<Vec<Entry>> {
        let path = format!("v1/notifications/{}/entries", notification.id);
        self.list(&path, enough).await
    }

    /// Everything that all notifications tell of.
    pub(crate) async fn told(&self) -> anyhow::Result<Vec<Told>> {
        let mut told = Vec::new();
        for notification in self.notifications().await? {
            let entries = self.entries(&notification, everything).await?;
            told.extend(entries.into_iter().map(|entry| Told {
                kind: notification.kind.clone(),
                entry,
            }));
        }
        Ok(told)
    }

    /// How many notifications are unread.
    pub(crate) async fn unread(&self) -> anyhow::Result<u64> {
        let answer: Answer<Unread> = self.api.get("v1/notifications/unread").await?;
        Ok(answer.body.unread)
    }

    /// How many events were counted, by everybody.
    pub(crate) async fn totals(&self) -> anyhow::Result<Totals> {
        let answer = self.api.get("v1/analytics/totals").await?;
        Ok(answer.body)
    }

    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        mut enough: impl FnMut(&[T]) -> bool,
    ) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut page_path = format!("{path}?limit=100");
        loop {
            let answer: Answer<Page<T>> = self.api.get(&page_path).await?;
            let Page { items: more, next } = answer.body;
            let is_empty = more.is_empty();
            items.extend(more);
            let Some(next) = next.filter(|_| !enough(&items)) else {
                return Ok(items);
            };
            ensure!(
                !is_empty,
                "GET /{page_path} was answered with an empty page that is not the last"
            );
            page_path = format!("{path}?limit=100&cursor={next}");
        }
    }
}

/// Never satisfied: reads a list to its end.
pub(crate) fn everything<T>(_: &[T]) -> bool {
    false
}
