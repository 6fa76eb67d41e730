//! Pieces of secrets in complaints about a text that was made of them: of the mapping `root = hunter2
//! is` a parser quotes `is`.
//!
//! A complaint is put together from what a parser has cut out, so nothing can be masked before the
//! cut. What shows a piece of a secret is not told at all, since the rest of it may be another piece.

use std::collections::HashSet;

use millrace_telemetry::redact::forms_of;

/// So many bytes in a row are a piece of a secret that is no longer than a password.
const RUN: usize = 4;
/// The same of a longer secret, such as a key, and of a secret that is encoded: many short runs would
/// be found in any text.
const LONG_RUN: usize = 8;
/// The longest secret that is a password, in bytes.
const PASSWORD_MAX: usize = 64;
/// The shortest word of a secret that tells something.
const WORD_MIN: usize = 2;

/// What pieces the known secrets have, in lower case.
#[derive(Default)]
pub(crate) struct Fragments {
    runs: HashSet<[u8; RUN]>,
    long_runs: HashSet<[u8; LONG_RUN]>,
    words: HashSet<String>,
}

impl Fragments {
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for secret in secrets {
            if secret.len() <= PASSWORD_MAX {
                let plain = secret.to_ascii_lowercase();
                all.runs.extend(plain.as_bytes().array_windows().copied());
                all.words.extend(words(&plain).map(str::to_owned));
            }
            let in_hex: String = secret.bytes().map(|it| format!("{it:02x}")).collect();
            for form in forms_of(secret).into_iter().chain([in_hex]) {
                let form = form.to_ascii_lowercase();
                let runs = form.as_bytes().array_windows().copied();
                all.long_runs.extend(runs);
            }
        }
        all
    }

    /// Whether a text shows a piece of a secret. A short word counts where it is quoted, or in a line
    /// that is set off, as excerpts are.
    pub fn are_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let bytes = text.as_bytes();
        let has_word = |text: &str| words(text).any(|it| self.words.contains(it));
        bytes.array_windows().any(|it| self.runs.contains(it))
            || bytes.array_windows().any(|it| self.long_runs.contains(it))
            || quoted(&text).any(has_word)
            || text
                .lines()
                .any(|it| it.starts_with(char::is_whitespace) && has_word(it))
    }
}

/// What stands in quotes of any kind. Where a quote is left over, what is quoted may have quotes in it,
/// and everything counts.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    ['`', '"', '\''].into_iter().flat_map(|quote| {
        let is_paired = text.matches(quote).count().is_multiple_of(2);
        let pieces = text.split(quote).enumerate();
        let pieces = pieces.filter(move |(at, _)| at % 2 == 1 || !is_paired && *at > 0);
        pieces.map(|(_, piece)| piece)
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|it: char| !it.is_alphanumeric());
    words.filter(|it| it.len() >= WORD_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_however_they_are_cut_or_spelled() {
        let fragments = Fragments::of(["Hunter2 is\tnot", "Zm9v/secret", "päss-wörd"]);
        for text in [
            "expected a line break, found `is`",
            "found `is\" }`",
            "this is unter2",
            "HUNTER2",
            "regex:\n    (is\n     ^\nunclosed",
            // Base64 and percent-encoded.
            "found SHVudGVyMiBpcwlub3Q",
            "Zm9v%2Fsecret",
            "Zm9v\\/secret",
            "unexpected 'wörd'",
        ] {
            assert!(fragments.are_in(text), "{text}");
        }
        for text in [
            "",
            "this is no mapping",
            "field `ur` not recognised (did you mean `url`?)",
            "expected a list, found a text",
        ] {
            assert!(!fragments.are_in(text), "{text}");
        }
    }

    #[test]
    fn a_long_key_is_not_found_in_every_text() {
        let key: String = (0..2000_u32)
            .map(|it| char::from(b'a' + (it.wrapping_mul(it) % 26) as u8))
            .collect();
        let fragments = Fragments::of([&*key]);
        assert!(fragments.are_in(&format!("found {}", &key[700..712])));
        assert!(!fragments.are_in("expected a line break at the end of this"));
    }
}
