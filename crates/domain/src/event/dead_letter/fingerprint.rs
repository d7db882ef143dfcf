//! What failures of the same cause have in common.

use super::FailureClass;

/// A short text that is the same for failures of one class, handler and type of event whose
/// reasons differ only in numbers, identifiers and quoted values. The same in every release.
pub fn fingerprint(class: FailureClass, handler: &str, kind: &str, reason: &str) -> String {
    let text = [class.as_str(), handler, kind, &without_values(reason)].join("\n");
    // FNV-1a: not a secret, only short and stable.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The reason without what is in backticks and without words that hold a digit.
fn without_values(reason: &str) -> String {
    let outside_quotes = reason.split('`').step_by(2);
    let text = outside_quotes.collect::<Vec<_>>().join("_");
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    let plain =
        words.filter(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit()));
    plain.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reason: &str) -> String {
        fingerprint(
            FailureClass::Permanent,
            "feeds.update",
            "CuratorFollowed",
            reason,
        )
    }

    #[test]
    fn the_values_in_a_reason_make_no_difference() {
        let one = of("card 0199f3a2-7c01-7abc-8def-0123456789ab has 7 lines, not `eight`");
        let other = of("card 0199f3a2-0000-7abc-8def-0123456789ab has 12 lines, not `nine`");
        assert_eq!(one, other);
        assert_eq!(one.len(), 16);
        assert_ne!(one, of("card has other lines"));
    }

    #[test]
    fn another_handler_is_another_cause() {
        let other = fingerprint(FailureClass::Permanent, "else", "CuratorFollowed", "why");
        assert_ne!(of("why"), other);
    }

    #[test]
    fn it_is_the_same_in_every_release() {
        assert_eq!(of("why"), "8295555a8f7abf85");
    }
}
