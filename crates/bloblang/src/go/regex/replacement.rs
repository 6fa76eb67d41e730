//! What matches are replaced by, with the groups that it names.

use std::ops::{Deref, Range};
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A replacement as Go reads it, taken apart once: `$1`, `$name` and `${name}` are what a group
/// matched, a name goes as far as it can, `$$` is one `$`, and any other one stays.
#[derive(Debug)]
pub struct Replacement<T> {
    source: T,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(Range<usize>),
    Group(usize),
}

/// The most memory that taking a replacement apart needs, in bytes.
pub fn replacement_size(source: &str) -> usize {
    let dollars = source.bytes().filter(|it| *it == b'$').count();
    (2 * dollars + 1).saturating_mul(2 * size_of::<Piece>())
}

impl<T: Deref<Target = str>> Replacement<T> {
    /// The replacement of what a pattern matches; groups that it does not have are nothing.
    pub fn new(source: T, regex: &Regex) -> Self {
        let pieces = pieces(&source, regex);
        Self { source, pieces }
    }

    /// Of how many texts and groups it consists.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// What replaces every match, where no group is named.
    pub fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(range)] => Some(&self.source[range.clone()]),
            _ => None,
        }
    }

    /// How many bytes replace a match.
    pub fn length(&self, groups: &Captures<'_>) -> usize {
        let lengths = self.pieces.iter().map(|it| self.text(it, groups).len());
        lengths.fold(0, usize::saturating_add)
    }

    /// Adds what replaces a match.
    pub fn push(&self, groups: &Captures<'_>, out: &mut String) {
        for piece in &self.pieces {
            out.push_str(self.text(piece, groups));
        }
    }

    fn text<'a>(&'a self, piece: &Piece, groups: &Captures<'a>) -> &'a str {
        match piece {
            Piece::Text(range) => &self.source[range.clone()],
            Piece::Group(number) => groups.get(*number).map_or("", |it| it.as_str()),
        }
    }
}

fn pieces(source: &str, regex: &Regex) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let push_text = |pieces: &mut Vec<Piece>, range: Range<usize>| {
        if !range.is_empty() {
            pieces.push(Piece::Text(range));
        }
    };
    let (mut start, mut at) = (0, 0);
    while let Some(found) = source[at..].find('$') {
        let dollar = at + found;
        at = dollar + 1;
        let rest = &source[at..];
        if rest.starts_with('$') {
            push_text(&mut pieces, start..at);
            at += 1;
            start = at;
        } else if let Some((name, length)) = name(rest) {
            push_text(&mut pieces, start..dollar);
            pieces.extend(group(name, regex).map(Piece::Group));
            at += length;
            start = at;
        }
    }
    push_text(&mut pieces, start..source.len());
    pieces
}

/// What a name is of: letters and decimal digits. Marks and other numbers, as `²`, are none.
static WORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{L}\p{Nd}_]+").expect("it is a pattern"));

/// The name behind a `$`, and how many bytes it takes with its braces.
fn name(rest: &str) -> Option<(&str, usize)> {
    let braced = rest.strip_prefix('{');
    let inner = braced.unwrap_or(rest);
    let length = WORD.find(inner).map_or(0, |it| it.end());
    let is_closed = braced.is_none() || inner[length..].starts_with('}');
    let braces = if braced.is_some() { 2 } else { 0 };
    (length > 0 && is_closed).then_some((&inner[..length], length + braces))
}

/// The group of a number or of a name.
fn group(name: &str, regex: &Regex) -> Option<usize> {
    let is_number =
        name.bytes().all(|it| it.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    match is_number {
        true => name.parse().ok().filter(|it| *it < regex.captures_len()),
        false => regex.capture_names().position(|it| it == Some(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups_are_read_as_go_reads_them() {
        let regex = Regex::new("(?<first>a)(b)(x)?").unwrap();
        let groups = regex.captures("ab").unwrap();
        for (source, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$0-$1-$2", "ab-a-b"),
            ("[$3$9$none]", "[]"),
            ("${1}x$1x$1_", "ax"),
            ("$first ${first}1", "a a1"),
            ("$$1 $$$1 $", "$1 $a $"),
            ("${1 ${} ${1-} $- é$2é $é2", "${1 ${} ${1-} $- é "),
            ("$00 $01 $10000000000000000000000", "  "),
            ("$1² ${1²} $Ⅷ $1ा $1٣", "a² ${1²} $Ⅷ aा "),
        ] {
            let replacement = Replacement::new(source, &regex);
            let mut out = String::new();
            replacement.push(&groups, &mut out);
            assert_eq!(out, expected, "{source}");
            assert_eq!(replacement.length(&groups), out.len(), "{source}");
            let plain = (!source.contains('$')).then_some(source);
            assert_eq!(replacement.plain().filter(|it| *it == source), plain);
            let size = replacement.pieces() * size_of::<Piece>();
            assert!(size <= replacement_size(source), "{source}");
        }
    }
}
