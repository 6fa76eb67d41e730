//! What errors say of archives: nothing of their bytes but names, and those bounded and escaped.

use std::io::{Error, ErrorKind};

/// Characters of a name that are shown.
const NAME_SHOWN_MAX: usize = 100;

/// What went wrong with a tar, without the bytes of its headers that the library quotes: they may be
/// anything, such as a part of a secret.
pub fn tar_error(error: &Error) -> String {
    let text = error.to_string();
    let reason = text.split(" when getting ").next().unwrap_or_default();
    match error.kind() {
        ErrorKind::Other => reason.split(": ").next().unwrap_or_default().to_owned(),
        // It comes from the stream, or from the reader of the archive.
        _ => reason.to_owned(),
    }
}

/// The name of a file of an archive as an error shows it.
pub fn shown_name(name: &str) -> String {
    let mut characters = name.chars();
    let start: String = characters.by_ref().take(NAME_SHOWN_MAX).collect();
    let rest = if characters.next().is_some() {
        "…"
    } else {
        ""
    };
    format!("{}{rest}", start.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_not_quoted() {
        let library = |text: &str| tar_error(&Error::other(text.to_owned()));
        let text = "numeric field was not a number: hunter2 when getting cksum for \u{1}secret";
        assert_eq!(library(text), "numeric field was not a number");
        let text = "numeric field did not have utf-8 text: hunter2";
        assert_eq!(library(text), "numeric field did not have utf-8 text");
        let cut = Error::new(ErrorKind::UnexpectedEof, "the archive is cut");
        assert_eq!(tar_error(&cut), "the archive is cut");
        let stream = Error::new(ErrorKind::InvalidData, "gzip: wrong checksum");
        assert_eq!(tar_error(&stream), "gzip: wrong checksum");
    }

    #[test]
    fn a_name_is_bounded_and_escaped() {
        assert_eq!(shown_name("a/b.txt"), "a/b.txt");
        assert_eq!(shown_name("a\n\u{1b}[31m"), "a\\n\\u{1b}[31m");
        assert_eq!(shown_name(&"é".repeat(200)).chars().count(), 101);
    }
}
