//! How the parser goes on after a mistake: what a statement begins with, and where the next one
//! does.

use super::Parser;
use super::mapping::Place;
use crate::lexer::Cursor;

/// What a line begins with, as far as it can begin a statement.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Head {
    Import,
    Map,
    Let,
    Meta,
    If,
    Path,
}

impl Parser<'_> {
    /// Moves to the next line that begins a statement, or to the brace that closes the block of the
    /// statement that began at `start`.
    pub(super) fn recover(&mut self, start: usize, place: Place) {
        let failed_at = self.cursor.position();
        let mut scan = BracketScan::new(self.cursor);
        scan.cursor.set_position(start);
        self.parameters.clear();
        loop {
            let at = scan.cursor.position();
            if at > failed_at.max(start) || at == failed_at && at > start {
                let is_closing = scan.cursor.peek() == Some(b'}') && scan.depth() == 0;
                if is_closing && place != Place::Top {
                    break;
                }
                if scan.is_line_start && can_resume(scan.cursor, scan.depth()) {
                    break;
                }
            }
            if !scan.step() {
                break;
            }
        }
        self.cursor.set_position(scan.cursor.position());
    }
}

/// Says what kind of statement begins here, if any does.
pub(super) fn head(cursor: Cursor<'_>) -> Option<Head> {
    let keyword = |word: &str| {
        let mut ahead = cursor;
        ahead.keyword(word)
    };
    if is_meta(cursor) {
        return Some(Head::Meta);
    }
    if is_path_assignment(cursor) {
        return Some(Head::Path);
    }
    match () {
        () if keyword("import") => Some(Head::Import),
        () if keyword("map") => Some(Head::Map),
        () if keyword("let") => Some(Head::Let),
        () if keyword("if") => Some(Head::If),
        () => None,
    }
}

/// `meta =`, `meta key` or `meta "key"`.
fn is_meta(mut cursor: Cursor<'_>) -> bool {
    cursor.keyword("meta")
        && match cursor.peek() {
            Some(b'=') => cursor.peek_second() != Some(b'='),
            Some(byte) => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'"'),
            None => true,
        }
}

/// `path =`, where the path begins with a word.
fn is_path_assignment(mut cursor: Cursor<'_>) -> bool {
    if cursor
        .word()
        .is_none_or(|word| word == "let" && cursor.peek() != Some(b'.'))
    {
        return false;
    }
    while cursor.eat(".") {
        let is_segment = cursor.word().is_some() || matches!(cursor.quoted(), Some(Ok(_)));
        if !is_segment {
            // Not a path; but after `a.` an equals sign still shows what was meant.
            break;
        }
    }
    cursor.skip_blank();
    cursor.peek() == Some(b'=') && !matches!(cursor.peek_second(), Some(b'=' | b'>'))
}

/// Whether a line that begins here can be taken for a statement after a mistake. Inside open
/// brackets an `if` is more likely part of the broken expression.
fn can_resume(cursor: Cursor<'_>, depth: usize) -> bool {
    let mut ahead = cursor;
    ahead.skip_blank();
    match head(ahead) {
        None => false,
        Some(Head::If) => depth == 0,
        Some(_) => true,
    }
}

/// Walks over text lexically, counting brackets; strings and comments count as nothing.
pub(super) struct BracketScan<'t> {
    pub(super) cursor: Cursor<'t>,
    /// Brackets that are open; a closing one that does not match is passed over.
    open: Vec<u8>,
    /// Whether the cursor stands at the start of a line.
    is_line_start: bool,
}

impl<'t> BracketScan<'t> {
    pub(super) fn new(cursor: Cursor<'t>) -> Self {
        Self {
            cursor,
            open: Vec::new(),
            is_line_start: false,
        }
    }

    /// How many brackets are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Takes one token; false at the end of the text.
    pub(super) fn step(&mut self) -> bool {
        let Some(byte) = self.cursor.peek() else {
            return false;
        };
        self.is_line_start = byte == b'\n' || byte == b'#';
        match byte {
            b'#' => {
                self.cursor.line_break();
            }
            b'"' => self.skip_string(),
            _ => {
                match byte {
                    b'(' => self.open.push(b')'),
                    b'[' => self.open.push(b']'),
                    b'{' => self.open.push(b'}'),
                    _ if self.open.last() == Some(&byte) => {
                        self.open.pop();
                    }
                    _ => {}
                }
                self.skip_character();
            }
        }
        true
    }

    fn skip_character(&mut self) {
        let length = self.cursor.rest().chars().next().map_or(0, char::len_utf8);
        self.cursor.set_position(self.cursor.position() + length);
    }

    /// A string that is not closed ends with its line.
    fn skip_string(&mut self) {
        if matches!(self.cursor.triple_quoted(), Some(Ok(_))) {
            return;
        }
        self.skip_character();
        while let Some(byte) = self.cursor.peek() {
            match byte {
                b'\n' => return,
                b'\\' if self.cursor.peek_second() != Some(b'\n') => self.skip_character(),
                _ => {}
            }
            if !self.cursor.at_end() {
                self.skip_character();
            }
            if byte == b'"' {
                return;
            }
        }
    }
}
