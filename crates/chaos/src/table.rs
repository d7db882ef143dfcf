//! A table, as Markdown has it.

/// Rows of cells under a head.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let head = head.iter().map(|cell| (*cell).to_owned()).collect();
        Self { rows: vec![head] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [&dyn ToString; N]) {
        self.rows
            .push(cells.iter().map(|cell| cell.to_string()).collect());
    }

    /// The lines, each with its end.
    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<_> = self
            .rows
            .iter()
            .map(|row| format!("| {} |\n", row.join(" | ")))
            .collect();
        let columns = self.rows.first().map_or(0, Vec::len);
        lines.insert(1, format!("|{}\n", " --- |".repeat(columns)));
        lines.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_above_the_rows() {
        let mut table = Table::new(&["what", "count"]);
        table.row([&"kills", &30]);
        assert_eq!(
            table.text(),
            "| what | count |\n| --- | --- |\n| kills | 30 |\n"
        );
    }
}
