//! Whole numbers as other clients write them: JavaScript and Lua have floating-point ones only.

/// The whole part of a number; 0 if it is below, or none at all, and the largest if it is beyond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// A whole number in a text, which may be written as `1.0` or `1e3`; absent if it is below 0 or none.
pub(super) fn parse(text: &str) -> Option<u64> {
    // What is exact stays so.
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    (number >= 0.0).then(|| whole(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_javascript_and_lua_write_them() {
        for (text, number) in [
            ("18446744073709551615", Some(u64::MAX)),
            ("9007199254740993", Some(9_007_199_254_740_993)),
            ("1.9", Some(1)),
            ("1e3", Some(1000)),
            ("1e300", Some(u64::MAX)),
            ("-1", None),
            ("NaN", None),
            ("", None),
        ] {
            assert_eq!(parse(text), number, "{text}");
        }
    }
}
