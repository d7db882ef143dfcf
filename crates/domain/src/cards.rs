//! Cards: a URL or a note, saved to a curator's library.

mod card;
pub mod events;
mod link;
mod repository;

pub use card::{Card, CardContent, CardTitle, Note};
pub use link::{Link, LinkError};
pub use repository::{CardReader, CardRepository};

use crate::id::uuid_id;

uuid_id! {
    /// Identifies a card.
    CardId
}
