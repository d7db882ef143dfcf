//! The parameters of a query.

use std::fmt::Display;

use axum::extract::Query as Pairs;
use axum::http::request::Parts;

use crate::problem::{ApiError, FieldError, ProblemKind};

/// The parameters that are still to be read, and what was found wrong so far.
///
/// Reading goes on after an error, so that [`finish`](Query::finish) names them all.
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Query {
    /// The query of a request.
    pub(crate) fn of(parts: &Parts) -> Self {
        let pairs = Pairs::try_from_uri(&parts.uri).map(|Pairs(pairs)| pairs);
        let mut query = Self {
            pairs: Vec::new(),
            errors: Vec::new(),
        };
        match pairs {
            Ok(pairs) => query.pairs = pairs,
            Err(error) => query.refuse("query", &error),
        }
        query
    }

    /// Reads a parameter that must be there.
    pub(crate) fn required<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.pairs.iter().any(|(given, _)| given == name) {
            self.refuse(name, &"is required");
        }
        self.optional(name, parse)
    }

    /// Reads a parameter that may be absent.
    pub(crate) fn optional<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let at = self.pairs.iter().position(|(given, _)| given == name)?;
        let (_, value) = self.pairs.remove(at);
        match parse(&value) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(name, &error);
                None
            }
        }
    }

    /// Refuses the request if anything was wrong, or if there are parameters that nobody read.
    pub(crate) fn finish(mut self) -> Result<(), ApiError> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.refuse(&name, &"is unknown here, or given twice");
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        let detail = "the query is not valid";
        Err(ApiError::new(ProblemKind::InvalidParameter, detail).with_errors(self.errors))
    }

    fn refuse(&mut self, name: &str, detail: &dyn Display) {
        let error = FieldError::parameter(name, detail.to_string());
        self.errors.push(error);
    }
}
