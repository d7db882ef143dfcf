//! Reading the fields of a body into values of the domain, and collecting everything that is wrong.

use std::fmt::Display;

use crate::problem::{ApiError, FieldError, ProblemKind};

/// What was found wrong so far.
///
/// Each reading gives `None` when the field is refused, so that a handler goes on with
/// `let (Some(a), Some(b)) = … else` and answers [`into_error`](Fields::into_error).
#[derive(Debug, Default)]
pub(crate) struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    /// A field that must be there.
    pub(crate) fn required<R, T, E: Display>(
        &mut self,
        pointer: &str,
        raw: Option<R>,
        parse: impl FnOnce(R) -> Result<T, E>,
    ) -> Option<T> {
        match raw {
            Some(raw) => self.checked(pointer, parse(raw)),
            None => self.refuse(pointer, "is required"),
        }
    }

    /// A field that may be absent.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it was refused, the inner one whether it is there"
    )]
    pub(crate) fn optional<R, T, E: Display>(
        &mut self,
        pointer: &str,
        raw: Option<R>,
        parse: impl FnOnce(R) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match raw {
            Some(raw) => self.checked(pointer, parse(raw)).map(Some),
            None => Some(None),
        }
    }

    /// Says what is wrong with a field; gives the `None` that a refused field is.
    pub(crate) fn refuse<T>(&mut self, pointer: &str, detail: &str) -> Option<T> {
        self.errors.push(FieldError::at(pointer, detail));
        None
    }

    /// The problem that names every field that was refused.
    pub(crate) fn into_error(self) -> ApiError {
        let detail = match self.errors.len() {
            1 => "a field is not valid".to_owned(),
            count => format!("{count} fields are not valid"),
        };
        ApiError::new(ProblemKind::InvalidBody, detail).with_errors(self.errors)
    }

    fn checked<T, E: Display>(&mut self, pointer: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => self.refuse(pointer, &error.to_string()),
        }
    }
}
