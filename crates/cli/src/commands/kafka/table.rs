//! Tables for people.

/// Rows under a head, each column as wide as its widest cell.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|it| it.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = line(&widths, head.iter().copied());
    for row in rows {
        text.push_str(&line(&widths, row.iter().map(String::as_str)));
    }
    text
}

fn line<'a>(widths: &[usize], cells: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (width, cell) in widths.iter().zip(cells) {
        // A name of a stranger is no command to a terminal.
        let cell: String = cell
            .chars()
            .map(|it| if it.is_control() { '\u{fffd}' } else { it })
            .collect();
        line.push_str(&format!("{cell:<width$}  "));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
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
    fn columns_are_as_wide_as_they_must_be_and_control_letters_do_nothing() {
        let rows = [
            vec!["orders".to_owned(), "12".to_owned()],
            vec!["\u{1b}[2J".to_owned(), "1".to_owned()],
        ];
        let text = table(&["TOPIC", "PARTITIONS"], &rows);
        assert_eq!(text, "TOPIC   PARTITIONS\norders  12\n\u{fffd}[2J    1\n");
    }
}
