//! The line at the bottom of a terminal that says how a run goes: log lines appear above it.

use std::io::{self, Write};

use parking_lot::Mutex;

/// Back to the first column, and erase the line.
const ERASE: &str = "\r\x1b[2K";

static SHOWN: Mutex<String> = Mutex::new(String::new());

/// Shows `text`, one line without its end, at the bottom of the terminal that standard error is;
/// an empty text takes the line away. Call it only when standard error is a terminal.
pub fn show_status(text: &str) {
    let mut shown = SHOWN.lock();
    // Nobody is there to be told that the terminal is gone.
    let _gone = io::stderr()
        .lock()
        .write_all(replace(&shown, text).as_bytes());
    text.clone_into(&mut shown);
}

/// Writes a whole line to standard error, above the status line when there is one.
pub(super) fn write_above(line: &str) -> io::Result<()> {
    let shown = SHOWN.lock();
    let text = above(&shown, line);
    io::stderr()
        .lock()
        .write_all(text.as_deref().unwrap_or(line).as_bytes())
}

fn replace(shown: &str, text: &str) -> String {
    match shown {
        "" => text.to_owned(),
        _ => format!("{ERASE}{text}"),
    }
}

/// What puts `line` above what is shown; `None` when nothing is.
fn above(shown: &str, line: &str) -> Option<String> {
    (!shown.is_empty()).then(|| format!("{ERASE}{line}{shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_takes_the_place_of_the_status_line_which_follows_it() {
        let shown = above("7 messages", "{\"level\":\"info\"}\n");
        let expected = "\r\u{1b}[2K{\"level\":\"info\"}\n7 messages";
        assert_eq!(shown.as_deref(), Some(expected));
    }

    #[test]
    fn without_a_status_line_log_lines_are_written_as_they_are() {
        assert_eq!(above("", "line\n"), None);
    }

    #[test]
    fn a_status_line_is_erased_before_the_next_one() {
        assert_eq!(replace("", "one"), "one");
        assert_eq!(replace("one", "two"), "\r\u{1b}[2Ktwo");
        assert_eq!(replace("two", ""), "\r\u{1b}[2K");
    }
}
