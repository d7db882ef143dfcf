//! Cursors: a [`Position`] as a text that clients hand back without looking inside.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Position, UnixMillis};
use uuid::Uuid;

/// The time in milliseconds, and the id.
const LENGTH: usize = 8 + 16;

/// The cursor of a position.
pub(crate) fn encode(position: Position) -> String {
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&position.at.as_i64().to_be_bytes());
    bytes[8..].copy_from_slice(position.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position behind a cursor; absent if the text is none.
pub(crate) fn decode(cursor: &str) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (at, id) = bytes.split_first_chunk::<8>()?;
    Some(Position {
        at: UnixMillis::new(i64::from_be_bytes(*at)),
        id: Uuid::from_slice(id).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let position = Position {
            at: UnixMillis::new(1_795_514_400_000),
            id: Uuid::now_v7(),
        };
        let cursor = encode(position);
        assert_eq!(decode(&cursor), Some(position));
        assert!(
            cursor
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
    }

    #[test]
    fn any_other_text_is_no_cursor() {
        let cursor = encode(Position {
            at: UnixMillis::new(0),
            id: Uuid::nil(),
        });
        for text in [
            "",
            "AAAA",
            "not a cursor",
            &cursor[1..],
            &format!("{cursor}A"),
            "ä",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
