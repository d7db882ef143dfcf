//! Rows under headings.

use std::fmt;

use super::harmless;

/// A table for people. Columns of numbers are aligned at their right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        let rows = vec![headings.map(str::to_owned).to_vec()];
        Self { rows }
    }

    /// Adds a row, with a cell for each heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| harmless(&cell));
        self.rows.push(cells.collect());
    }

    /// The table, or this sentence if it has no rows.
    pub(crate) fn or(self, sentence: &str) -> String {
        if self.rows.len() == 1 {
            sentence.to_owned()
        } else {
            self.to_string()
        }
    }

    fn is_number(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().skip(1).map(|row| &row[column]);
        cells.all(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows[0].len();
        let widths: Vec<_> = (0..columns)
            .map(|column| {
                let widths = self.rows.iter().map(|row| row[column].chars().count());
                widths.max().unwrap_or(0)
            })
            .collect();
        let right: Vec<_> = (0..columns).map(|column| self.is_number(column)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                let padding = " ".repeat(width - cell.chars().count());
                let parts = if right[column] {
                    [padding.as_str(), cell]
                } else {
                    [cell, padding.as_str()]
                };
                line.extend(parts);
                line.push_str("  ");
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(["QUEUE", "JOBS"]);
        table.row(["a".to_owned(), "7".to_owned()]);
        table.row(["notifications".to_owned(), "12345".to_owned()]);
        insta::assert_snapshot!(table.to_string(), @r"
        QUEUE           JOBS
        a                  7
        notifications  12345
        ");
    }

    #[test]
    fn no_rows_are_a_sentence() {
        assert_eq!(Table::new(["QUEUE"]).or("No queues"), "No queues");
    }
}
