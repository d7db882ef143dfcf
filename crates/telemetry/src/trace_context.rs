//! The W3C trace context: <https://www.w3.org/TR/trace-context/>.
//!
//! A [`TraceParent`] names a trace and the span within it that caused what follows. It comes in
//! with a request, goes into every event, and so ties one request to its last effect.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// Why a text is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TraceParentError {
    /// Not `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits, all lowercase hexadecimal.
    #[error("is not a traceparent of version 00")]
    Form,
    /// A trace or span id of zeros, which stands for none.
    #[error("has a trace or span id of zeros")]
    Zero,
}

/// The flag that says that the caller records this trace.
const SAMPLED: u8 = 0x01;

impl TraceParent {
    /// The start of a new trace.
    pub fn generate() -> Self {
        Self {
            trace_id: Uuid::new_v4().as_u128(),
            span_id: random_span_id(),
            flags: SAMPLED,
        }
    }

    /// A new span of the same trace, caused by this one.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: random_span_id(),
            ..self
        }
    }

    /// The trace's id, as 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The span's id, as 16 hexadecimal digits.
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span_id)
    }
}

/// Half of a version 4 UUID: 62 random bits behind one that is always set, so it is never zero.
fn random_span_id() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            flags,
        } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = text.split('-').collect();
        let ["00", trace_id, span_id, flags] = fields[..] else {
            return Err(TraceParentError::Form);
        };
        let trace_id = hex(trace_id, 32)?;
        let span_id = hex(span_id, 16)?;
        let flags = hex(flags, 2)?;
        if trace_id == 0 || span_id == 0 {
            return Err(TraceParentError::Zero);
        }
        Ok(Self {
            trace_id,
            span_id: u64::try_from(span_id).map_err(|_| TraceParentError::Form)?,
            flags: u8::try_from(flags).map_err(|_| TraceParentError::Form)?,
        })
    }
}

fn hex(digits: &str, length: usize) -> Result<u128, TraceParentError> {
    let is_lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != length || !digits.bytes().all(is_lower_hex) {
        return Err(TraceParentError::Form);
    }
    u128::from_str_radix(digits, 16).map_err(|_| TraceParentError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_parsed_is_printed_again() {
        let parent: TraceParent = EXAMPLE.parse().unwrap();
        assert_eq!(parent.to_string(), EXAMPLE);
        assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span_id(), "00f067aa0ba902b7");
    }

    #[test]
    fn a_child_stays_in_the_trace_and_is_a_span_of_its_own() {
        let parent: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
            .parse()
            .unwrap();
        let child = parent.child();
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child.span_id(), parent.span_id());
        assert!(child.to_string().ends_with("-00"), "the flags are kept");
    }

    #[test]
    fn a_generated_one_parses() {
        for _ in 0..100 {
            let parent = TraceParent::generate();
            assert_eq!(parent.to_string().parse(), Ok(parent));
        }
        assert_ne!(TraceParent::generate(), TraceParent::generate());
    }

    #[test]
    fn anything_else_is_refused() {
        let wrong = [
            "",
            "00",
            "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47366-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473ä-00f067aa0ba902b7-01",
        ];
        for text in wrong {
            assert_eq!(
                text.parse::<TraceParent>(),
                Err(TraceParentError::Form),
                "{text}"
            );
        }
        let zero = [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ];
        for text in zero {
            assert_eq!(
                text.parse::<TraceParent>(),
                Err(TraceParentError::Zero),
                "{text}"
            );
        }
    }
}
