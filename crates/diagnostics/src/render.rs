//! The one renderer: quoted line, caret, help; and the form of one line.
//!
//! ```text
//! error[unknown-field]: field huh not recognised
//!  --> pipeline.yaml:4:5
//!   |
//! 4 |     huh: what
//!   |     ^^^ `generate` has no such field
//!   = help: did you mean `mapping`?
//! ```
//!
//! A line longer than [`QUOTED_COLUMNS`] is quoted as a window around the place. Control characters
//! are shown as `·` in it, and as escapes elsewhere, so hostile input cannot steer the terminal.
//! Secrets are masked everywhere.

use crate::printable::{printable, printable_line, steers};
use crate::{
    Diagnostic, Diagnostics, Position, Redactor, Severity, Source, SourceId, SourceMap, Span,
};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use unicode_width::UnicodeWidthChar;

/// The most columns of a source line that are quoted.
const QUOTED_COLUMNS: usize = 120;
/// Columns kept before the place when a line is cut.
const COLUMNS_BEFORE: usize = 40;

/// The most complaints of one config that are shown: one mistake in a template may be thousands.
const SHOWN_MAX: usize = 50;

/// Says how many of so many complaints are not shown.
fn left_out(complaints: usize) -> Option<String> {
    let more = complaints.checked_sub(SHOWN_MAX).filter(|more| *more > 0)?;
    Some(format!("and {more} more complaints"))
}

/// Turns diagnostics into text.
pub struct Renderer<'a> {
    sources: &'a SourceMap,
    redactor: Redactor,
    colour: bool,
    /// The line that was quoted last: many complaints may be about one line of megabytes.
    last: RefCell<Option<Rc<Quoted>>>,
}

impl<'a> Renderer<'a> {
    /// A renderer without colours that knows no secrets.
    pub fn new(sources: &'a SourceMap) -> Self {
        Self {
            sources,
            redactor: Redactor::new(),
            colour: false,
            last: RefCell::default(),
        }
    }

    /// Masks these secrets in everything that is rendered.
    #[must_use]
    pub fn redact(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self.last = RefCell::default();
        self
    }

    /// Switches ANSI colours on or off.
    #[must_use]
    pub fn colour(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    /// The diagnostics in full, separated by empty lines; of very many the first ones.
    pub fn render_all(&self, diagnostics: &Diagnostics) -> String {
        let shown = diagnostics.iter().take(SHOWN_MAX);
        let mut texts: Vec<_> = shown.map(|it| self.render(it)).collect();
        texts.extend(left_out(diagnostics.len()).map(|it| it + "\n"));
        texts.join("\n")
    }

    /// As [`Renderer::render_all`], one line each.
    pub fn lines<'d>(&self, diagnostics: impl IntoIterator<Item = &'d Diagnostic>) -> Vec<String> {
        let mut diagnostics = diagnostics.into_iter();
        let shown = diagnostics.by_ref().take(SHOWN_MAX);
        let mut lines: Vec<_> = shown.map(|it| self.one_line(it)).collect();
        lines.extend(left_out(SHOWN_MAX + diagnostics.count()));
        lines
    }

    /// One diagnostic in full; ends with a line break.
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        let mut out = String::new();
        let style = Style::of(diagnostic.severity, self.colour);
        let word = diagnostic.severity.word();
        let message = self.clean(&diagnostic.message);
        let Style {
            strong,
            bold,
            dim,
            end,
        } = style;
        let code = diagnostic.code;
        let _ = writeln!(out, "{strong}{word}[{code}]{end}{bold}: {message}{end}");
        let gutter = self.gutter(diagnostic);
        if let Some(span) = diagnostic.span {
            let label = diagnostic.label.as_deref().unwrap_or_default();
            self.quote(&mut out, span, label, gutter, style);
        }
        for related in &diagnostic.related {
            self.quote(&mut out, related.span, &related.text, gutter, style);
        }
        let notes = diagnostic.notes.iter().map(|note| ("note", note));
        for (kind, text) in diagnostic
            .help
            .iter()
            .map(|help| ("help", help))
            .chain(notes)
        {
            let text = self
                .clean(text)
                .replace('\n', &format!("\n{:gutter$}         ", ""));
            let _ = writeln!(out, "{:gutter$} {dim}={end} {bold}{kind}{end}: {text}", "");
        }
        out
    }

    /// One line: `path(line,column) message`, with the severity's word when it is not an error and
    /// the help in brackets.
    pub fn one_line(&self, diagnostic: &Diagnostic) -> String {
        let mut out = String::new();
        if let Some((name, Position { line, column })) =
            diagnostic.span.and_then(|span| self.sources.locate(span))
        {
            let _ = write!(out, "{}({line},{column}) ", printable_line(&name));
        }
        if diagnostic.severity != Severity::Error {
            let _ = write!(out, "{}: ", diagnostic.severity.word());
        }
        out.push_str(&self.clean(&diagnostic.message));
        if let Some(help) = &diagnostic.help {
            let _ = write!(out, " ({})", self.clean(help));
        }
        out.replace('\n', " ")
    }

    /// Bento's form for its HTTP API: `(line,1) message`; the column is always 1 there.
    pub fn api_line(&self, diagnostic: &Diagnostic) -> String {
        let position = diagnostic.span.and_then(|span| self.sources.locate(span));
        let line = position.map_or(0, |(_, position)| position.line);
        format!("({line},1) {}", self.clean(&diagnostic.message))
    }

    /// Quotes the first line of `span` with a marker under it.
    fn quote(&self, out: &mut String, span: Span, label: &str, gutter: usize, style: Style) {
        let Some(source) = self.sources.get(span.source) else {
            return;
        };
        let at = source.position(span.start);
        let Style {
            strong, dim, end, ..
        } = style;
        let name = printable_line(source.name());
        let _ = writeln!(out, "{:gutter$}{dim}-->{end} {name}:{at}", "");
        let Some(window) = self.window(&source, span, at) else {
            return;
        };
        let number = format!("{:>gutter$}", at.line);
        let _ = writeln!(out, "{:gutter$} {dim}|{end}", "");
        let _ = writeln!(out, "{dim}{number} |{end} {}", window.text);
        let marker = "^".repeat(window.width.max(1));
        let label = self.clean(label);
        let separator = if label.is_empty() { "" } else { " " };
        let _ = writeln!(
            out,
            "{:gutter$} {dim}|{end} {:indent$}{strong}{marker}{separator}{label}{end}",
            "",
            "",
            indent = window.indent
        );
    }

    /// The part of the line that is shown, and where the marker goes.
    fn window(&self, source: &Source, span: Span, at: Position) -> Option<Window> {
        let quoted = self.quoted(source, span.source, at.line)?;
        let cells = &quoted.cells;
        let first = (at.column as usize - 1).min(cells.len());
        let end = source.position(span.end.min(quoted.end)).column;
        let marked_end = (end as usize - 1).clamp(first, cells.len());

        let from = if quoted.width <= QUOTED_COLUMNS {
            0
        } else {
            first.saturating_sub(COLUMNS_BEFORE)
        };
        let mut to = from;
        let mut columns = 0;
        while to < cells.len() && columns + cells[to].1 <= QUOTED_COLUMNS {
            columns += cells[to].1;
            to += 1;
        }
        let mut text: String = cells[from..to].iter().map(|(shown, _)| *shown).collect();
        let mut indent = width(&cells[from..first.clamp(from, to)]);
        if from > 0 {
            text.insert(0, '…');
            indent += 1;
        }
        if to < cells.len() {
            text.push('…');
        }
        let marked = first.clamp(from, to)..marked_end.clamp(first.clamp(from, to), to);
        Some(Window {
            text,
            indent,
            width: width(&cells[marked]),
        })
    }

    /// The line with secrets masked by as many stars as they have characters, so that markers still
    /// stand where they belong.
    fn quoted(&self, source: &Source, id: SourceId, line: u32) -> Option<Rc<Quoted>> {
        let mut last = self.last.borrow_mut();
        if let Some(quoted) = last.as_ref().filter(|it| it.place == (id, line)) {
            return Some(Rc::clone(quoted));
        }
        let (start, text) = source.line(line)?;
        let masked = self.redactor.apply_keeping_length(text);
        let cells: Vec<_> = masked.chars().map(cell).collect();
        let quoted = Rc::new(Quoted {
            place: (id, line),
            end: start + text.len() as u32,
            width: width(&cells),
            cells,
        });
        *last = Some(Rc::clone(&quoted));
        Some(quoted)
    }

    fn clean(&self, text: &str) -> String {
        printable(&self.redactor.apply(text)).into_owned()
    }

    /// Digits of the largest line number that is quoted.
    fn gutter(&self, diagnostic: &Diagnostic) -> usize {
        let spans = diagnostic
            .span
            .into_iter()
            .chain(diagnostic.related.iter().map(|it| it.span));
        let lines = spans
            .filter_map(|span| self.sources.locate(span))
            .map(|(_, at)| at.line);
        lines.max().unwrap_or(1).to_string().len()
    }
}

/// A line, ready to be quoted from.
struct Quoted {
    place: (SourceId, u32),
    /// The offset in the source where it ends.
    end: u32,
    width: usize,
    cells: Vec<(char, usize)>,
}

fn width(cells: &[(char, usize)]) -> usize {
    cells.iter().map(|(_, width)| width).sum()
}

struct Window {
    text: String,
    indent: usize,
    width: usize,
}

/// The character to print and the columns it takes.
fn cell(char: char) -> (char, usize) {
    match char {
        '\t' => (' ', 1),
        it if steers(it) => ('·', 1),
        it => (it, it.width().unwrap_or(0)),
    }
}

#[derive(Clone, Copy)]
struct Style {
    strong: &'static str,
    bold: &'static str,
    dim: &'static str,
    end: &'static str,
}

impl Style {
    fn of(severity: Severity, colour: bool) -> Self {
        if !colour {
            return Self {
                strong: "",
                bold: "",
                dim: "",
                end: "",
            };
        }
        let strong = match severity {
            Severity::Note => "\x1b[1;36m",
            Severity::Warning => "\x1b[1;33m",
            Severity::Error => "\x1b[1;31m",
        };
        Self {
            strong,
            bold: "\x1b[1m",
            dim: "\x1b[1;34m",
            end: "\x1b[0m",
        }
    }
}

#[cfg(test)]
mod tests;
