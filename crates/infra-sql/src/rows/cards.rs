//! Cards in libraries.

use domain::cards::{Card, CardContent, CardTitle, Link, Note};
use domain::{StoreError, UnixMillis};
use sqlx::FromRow;
use uuid::Uuid;

use crate::failure::corrupt;

/// A card; its columns have names that a curator's don't, so that both can be in one row.
#[derive(FromRow)]
pub(crate) struct CardRow {
    card_id: Uuid,
    saved_by: Uuid,
    url: Option<String>,
    title: Option<String>,
    note: Option<String>,
    saved_at: i64,
}

impl TryFrom<CardRow> for Card {
    type Error = StoreError;

    fn try_from(row: CardRow) -> Result<Self, Self::Error> {
        let note = row
            .note
            .as_deref()
            .map(Note::parse)
            .transpose()
            .map_err(corrupt("note"))?;
        let title = row.title.as_deref().map(CardTitle::parse).transpose();
        let content = match (row.url, note) {
            (Some(url), note) => CardContent::Url {
                link: Link::parse(&url).map_err(corrupt("link"))?,
                title: title.map_err(corrupt("card title"))?,
                note,
            },
            (None, Some(note)) => CardContent::Note(note),
            (None, None) => return Err(corrupt("card")("it has neither a URL nor a note")),
        };
        Ok(Self {
            id: row.card_id.into(),
            curator: row.saved_by.into(),
            content,
            saved_at: UnixMillis::new(row.saved_at),
        })
    }
}

/// What a card holds, as the columns that keep it.
pub(crate) struct ContentColumns<'a> {
    pub(crate) url: Option<&'a str>,
    pub(crate) canonical_url: Option<String>,
    pub(crate) title: Option<&'a str>,
    pub(crate) note: Option<&'a str>,
}

impl<'a> From<&'a CardContent> for ContentColumns<'a> {
    fn from(content: &'a CardContent) -> Self {
        match content {
            CardContent::Url { link, title, note } => Self {
                url: Some(link.as_str()),
                canonical_url: Some(link.canonical()),
                title: title.as_ref().map(CardTitle::as_str),
                note: note.as_ref().map(Note::as_str),
            },
            CardContent::Note(note) => Self {
                url: None,
                canonical_url: None,
                title: None,
                note: Some(note.as_str()),
            },
        }
    }
}
