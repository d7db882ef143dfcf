//! What is known about one thing.

use std::fmt::{self, Display};

use super::harmless;

/// A heading, and what is known, a line each.
pub(crate) struct Facts {
    heading: String,
    facts: Vec<(&'static str, String)>,
}

impl Facts {
    /// Nothing is known yet.
    pub(crate) fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: harmless(&heading.into()),
            facts: Vec::new(),
        }
    }

    /// Adds a fact.
    pub(crate) fn add(&mut self, name: &'static str, value: &impl Display) {
        self.facts.push((name, harmless(&value.to_string())));
    }

    /// Adds a fact if there is one.
    pub(crate) fn add_some(&mut self, name: &'static str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(name, &value);
        }
    }
}

impl Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.facts.iter().map(|(name, _)| name.len());
        let width = widths.max().unwrap_or(0);
        writeln!(f, "{}", self.heading)?;
        for (name, value) in &self.facts {
            writeln!(f, "  {name:<width$}  {value}")?;
        }
        Ok(())
    }
}
