//! Slots of a cluster: which keys can be reached in one step.
//!
//! The rule is that of <https://valkey.io/topics/cluster-spec/>: a key's slot comes from what
//! stands between its first `{` and the next `}`, if that is not empty, else from the whole key.

use super::connection::Connection;
use super::error::OptionError;
use super::keys::QueueId;

/// How many slots a cluster has.
const SLOTS: u16 = 16_384;

/// Refuses queues that a cluster could not reach in one step; on one server anything goes.
pub(crate) fn check<'a>(
    connection: &Connection,
    queues: impl IntoIterator<Item = &'a QueueId>,
) -> Result<(), OptionError> {
    if !connection.is_cluster() {
        return Ok(());
    }
    let mut first: Option<(&QueueId, u16)> = None;
    for queue in queues {
        let base = queue.to_string();
        let Some(tag) = hash_tag(&base) else {
            return Err(OptionError::new(
                "queue",
                format!(
                    "a cluster spreads the keys of {queue} over its slots, and a queue needs all \
                     of them in one: put its prefix in braces, as in {{{}}}",
                    queue.prefix()
                ),
            ));
        };
        let slot = crc16(tag.as_bytes()) % SLOTS;
        match first {
            None => first = Some((queue, slot)),
            Some((other, its)) if its != slot => {
                return Err(OptionError::new(
                    "queue",
                    format!(
                        "{queue} and {other} lie in different slots of the cluster, and jobs that \
                         are added together or belong together need one: give their queues the \
                         same prefix in braces"
                    ),
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What decides a key's slot where only a part of it does.
fn hash_tag(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

/// CRC-16/XMODEM: polynomial 0x1021, from 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(crc16(b"foo") % SLOTS, 12182);
    }

    #[test]
    fn only_what_stands_in_the_first_braces_counts() {
        assert_eq!(hash_tag("{bull}:mail:wait"), Some("bull"));
        assert_eq!(hash_tag("bull:{mail}:wait"), Some("mail"));
        assert_eq!(hash_tag("bull:mail"), None);
        assert_eq!(hash_tag("{}:{bull}"), None);
    }
}
