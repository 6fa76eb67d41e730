//! Tables for people.

use std::borrow::Cow;

use millrace_diagnostics::printable_line;

/// Rows under a head, each column as wide as its widest cell.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines: Vec<Vec<Cow<'_, str>>> = Vec::with_capacity(1 + rows.len());
    lines.push(head.iter().map(|it| Cow::Borrowed(*it)).collect());
    for row in rows {
        // A name of a stranger is no command to a terminal.
        lines.push(row.iter().map(|it| printable_line(it)).collect());
    }
    let mut widths = Vec::new();
    for line in &lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    lines.iter().map(|it| shown(&widths, it)).collect()
}

fn shown(widths: &[usize], cells: &[Cow<'_, str>]) -> String {
    let cells = widths.iter().zip(cells);
    let line: String = cells
        .map(|(width, cell)| format!("{cell:<width$}  "))
        .collect();
    format!("{}\n", line.trim_end())
}

/// A number, or a dash where there is none.
pub fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |it| it.to_string())
}

/// Numbers with commas.
pub fn list(numbers: &[i32]) -> String {
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be_and_what_steers_a_terminal_is_escaped() {
        let rows = [
            vec!["orders".to_owned(), "12".to_owned()],
            vec!["\u{1b}[2J\u{202e}".to_owned(), "1".to_owned()],
        ];
        let text = table(&["TOPIC", "PARTITIONS"], &rows);
        let expected = [
            "TOPIC              PARTITIONS\n",
            "orders             12\n",
            "\\u{1b}[2J\\u{202e}  1\n",
        ];
        assert_eq!(text, expected.concat());
    }
}
