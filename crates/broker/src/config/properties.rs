//! Java's `.properties` files, such as Kafka's `server.properties`, as a tree with places.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_diagnostics::{Diagnostic, Diagnostics, SourceId, Span};
use millrace_spec::{Entry, Mapping, Node, Value, codes};

/// A character, and the byte of the text where it begins.
type Letter = (usize, char);

/// Reads the lines of a file. Of a key that stands there twice the last value holds, as in Java;
/// the first one is complained of.
pub fn parse(text: &str, source: SourceId, diagnostics: &mut Diagnostics) -> Node {
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    for line in logical_lines(text) {
        let (key, value) = halves(&line);
        let place = |letters: &[Letter]| place(letters, source, end_of(&line));
        let mut read = |letters: &[Letter]| match unescape(letters) {
            Ok(text) => text,
            Err((start, end)) => {
                let message = "after `\\u` come four hexadecimal digits";
                let span = Span::new(source, start, end);
                diagnostics.push(Diagnostic::error(codes::INVALID_VALUE, message).at(span));
                String::new()
            }
        };
        let entry = Entry {
            key: read(key).into(),
            key_span: place(key),
            value: Node::string(&read(value), place(value)),
        };
        match places.get(&entry.key) {
            Some(at) => {
                let first: &mut Entry = &mut entries[*at];
                diagnostics.push(twice(first, &entry));
                *first = entry;
            }
            None => {
                places.insert(Arc::clone(&entry.key), entries.len());
                entries.push(entry);
            }
        }
    }
    Node {
        span: Span::new(source, 0, 0),
        value: Value::Mapping(Mapping {
            entries: Arc::new(entries),
        }),
    }
}

fn twice(first: &Entry, last: &Entry) -> Diagnostic {
    let message = format!("`{}` is set again below, and that value holds", first.key);
    Diagnostic::warning(codes::DUPLICATE_KEY, message)
        .at(first.key_span)
        .related(last.key_span, "this one holds")
        .help("remove one of them")
}

/// The lines that say something: without comments, and joined where a backslash ends one.
fn logical_lines(text: &str) -> Vec<Vec<Letter>> {
    let mut lines = Vec::new();
    let mut joined: Option<Vec<Letter>> = None;
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_end_matches(['\n', '\r']);
        let content = line.trim_start_matches(is_space);
        let at = start + (line.len() - content.len());
        start += whole.len();
        if joined.is_none() && (content.is_empty() || content.starts_with(['#', '!'])) {
            continue;
        }
        let mut letters = joined.take().unwrap_or_default();
        letters.extend(content.char_indices().map(|(byte, it)| (at + byte, it)));
        let backslashes = content.chars().rev().take_while(|it| *it == '\\').count();
        if backslashes % 2 == 1 {
            letters.pop();
            joined = Some(letters);
        } else {
            lines.push(letters);
        }
    }
    lines.extend(joined.filter(|it| !it.is_empty()));
    lines
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{c}')
}

/// The key and the value of a line: between them is the first `=`, `:` or space that no backslash
/// stands before.
fn halves(line: &[Letter]) -> (&[Letter], &[Letter]) {
    let mut is_escaped = false;
    let key = line
        .iter()
        .position(|(_, letter)| {
            let ends = !is_escaped && (is_space(*letter) || matches!(letter, '=' | ':'));
            is_escaped = *letter == '\\' && !is_escaped;
            ends
        })
        .unwrap_or(line.len());
    let spaces = |from: usize| line[from..].iter().take_while(|it| is_space(it.1)).count();
    let mut value = key + spaces(key);
    if line.get(value).is_some_and(|it| matches!(it.1, '=' | ':')) {
        value += 1;
        value += spaces(value);
    }
    (&line[..key], &line[value..])
}

/// What a piece of a line says; else where the piece is that says nothing.
fn unescape(letters: &[Letter]) -> Result<String, (usize, usize)> {
    let mut text = String::with_capacity(letters.len());
    // Java's text is UTF-16, and so are its escapes.
    let mut units: Vec<u16> = Vec::new();
    let mut rest = letters.iter();
    while let Some((at, letter)) = rest.next() {
        if *letter != '\\' {
            flush(&mut units, &mut text);
            text.push(*letter);
            continue;
        }
        let Some((_, escaped)) = rest.next() else {
            break;
        };
        if *escaped == 'u' {
            let digits: String = rest.clone().take(4).map(|it| it.1).collect();
            let is_hex = digits.len() == 4 && digits.bytes().all(|it| it.is_ascii_hexdigit());
            let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
            units.push(unit.ok_or((*at, at + 2))?);
            rest.nth(3);
            continue;
        }
        flush(&mut units, &mut text);
        text.push(match escaped {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            other => *other,
        });
    }
    flush(&mut units, &mut text);
    Ok(text)
}

fn flush(units: &mut Vec<u16>, text: &mut String) {
    text.push_str(&String::from_utf16_lossy(units));
    units.clear();
}

fn end_of(letters: &[Letter]) -> usize {
    letters.last().map_or(0, |(at, it)| at + it.len_utf8())
}

/// Where a piece of a line stands; an empty one stands at the end of the line.
fn place(letters: &[Letter], source: SourceId, line_end: usize) -> Span {
    match letters.first() {
        Some((start, _)) => Span::new(source, *start, end_of(letters)),
        None => Span::new(source, line_end, line_end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_diagnostics::SourceMap;

    fn read(text: &str) -> (Vec<(String, String)>, Diagnostics, SourceMap) {
        let sources = SourceMap::new();
        let source = sources.add("server.properties", text);
        let mut diagnostics = Diagnostics::new();
        let node = parse(text, source, &mut diagnostics);
        let mapping = node.as_mapping().expect("a mapping").clone();
        let pairs = mapping.entries.iter().map(|it| {
            let value = it.value.text().expect("a text").to_owned();
            (it.key.to_string(), value)
        });
        (pairs.collect(), diagnostics, sources)
    }

    #[test]
    fn lines_are_read_as_java_reads_them() {
        let text = "a = b\\\n   c\n#x\n  !y\nk\\:1:v\\u0041\\t|\r\nempty\nx  y z \nq=\\ s\nl=1\\";
        let (pairs, diagnostics, _) = read(text);
        let expected = [
            ("a", "bc"),
            ("k:1", "vA\t|"),
            ("empty", ""),
            ("x", "y z "),
            ("q", " s"),
            ("l", "1"),
        ];
        let found: Vec<_> = pairs
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(found, expected);
        assert!(diagnostics.is_empty());
        assert_eq!(read("smile=\\ud83d\\ude00").0[0].1, "😀");
    }

    #[test]
    fn the_last_value_of_a_key_holds_and_the_first_is_complained_of() {
        let (pairs, diagnostics, sources) = read("a=1\nb=2\na=3\n");
        assert_eq!(pairs[0], ("a".to_owned(), "3".to_owned()));
        let first = diagnostics.iter().next().expect("a complaint");
        let (_, position) = sources
            .locate(first.span.expect("a place"))
            .expect("a source");
        assert_eq!(position.to_string(), "1:1");
    }

    #[test]
    fn an_escape_that_is_none_is_refused_at_its_place() {
        let (_, diagnostics, sources) = read("a=1\nbb=x\\u12g4\n");
        assert!(diagnostics.has_errors());
        let first = diagnostics.iter().next().expect("a complaint");
        let (_, position) = sources
            .locate(first.span.expect("a place"))
            .expect("a source");
        assert_eq!(position.to_string(), "2:5");
    }
}
