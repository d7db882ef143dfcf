//! What Valkey answers, free of the client library's types.

use super::error::EngineError;

/// An answer of the server.
///
/// ```
/// use infra_redis::engine::Reply;
///
/// /// What `LRANGE` answers, as texts.
/// fn texts(reply: Reply) -> Vec<String> {
///     let Reply::List(items) = reply else {
///         return Vec::new();
///     };
///     let text = |item| match item {
///         Reply::Text(text) => Some(text),
///         _ => None,
///     };
///     items.into_iter().filter_map(text).collect()
/// }
///
/// let reply = Reply::List(vec![Reply::Text("1".to_owned()), Reply::Nil]);
/// assert_eq!(texts(reply), ["1"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A whole number.
    Int(i64),
    /// A text or a status.
    Text(String),
    /// A list of answers.
    List(Vec<Reply>),
}

/// Decodes the parts of one answer; every failure names the operation.
#[derive(Clone, Copy)]
pub(crate) struct Decoder(pub(crate) &'static str);

impl Decoder {
    pub(crate) fn unexpected(self, expected: &'static str) -> EngineError {
        EngineError::Reply {
            operation: self.0,
            expected,
        }
    }

    pub(crate) fn list(self, reply: Reply) -> Result<Vec<Reply>, EngineError> {
        match reply {
            Reply::List(items) => Ok(items),
            _ => Err(self.unexpected("a list")),
        }
    }

    /// A list of exactly `N` answers.
    pub(crate) fn array<const N: usize>(self, reply: Reply) -> Result<[Reply; N], EngineError> {
        let items = self.list(reply)?;
        items
            .try_into()
            .map_err(|_| self.unexpected("a list of another length"))
    }

    pub(crate) fn text(self, reply: Reply) -> Result<String, EngineError> {
        self.optional_text(reply)?
            .ok_or_else(|| self.unexpected("a text"))
    }

    pub(crate) fn optional_text(self, reply: Reply) -> Result<Option<String>, EngineError> {
        match reply {
            Reply::Nil => Ok(None),
            Reply::Text(text) => Ok(Some(text)),
            Reply::Int(number) => Ok(Some(number.to_string())),
            Reply::List(_) => Err(self.unexpected("a text")),
        }
    }

    pub(crate) fn int(self, reply: &Reply) -> Result<i64, EngineError> {
        match reply {
            Reply::Int(number) => Ok(*number),
            Reply::Text(text) => text.parse().map_err(|_| self.unexpected("a number")),
            _ => Err(self.unexpected("a number")),
        }
    }

    pub(crate) fn count(self, reply: &Reply) -> Result<u64, EngineError> {
        u64::try_from(self.int(reply)?).map_err(|_| self.unexpected("a number from 0"))
    }

    pub(crate) fn texts(self, reply: Reply) -> Result<Vec<String>, EngineError> {
        let items = self.list(reply)?;
        items.into_iter().map(|item| self.text(item)).collect()
    }
}
