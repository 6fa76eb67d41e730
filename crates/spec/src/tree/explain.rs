//! Turns the parser's syntax errors into advice.

use crate::codes;
use crate::env::InterpolatedText;
use millrace_diagnostics::Diagnostic;

/// The diagnostic of a syntax error that the parser found at `at` of the interpolated text.
pub fn syntax(text: &InterpolatedText, at: usize, reason: &str) -> Diagnostic {
    let context = Context::new(&text.text, at);
    let advice = context.advice(reason);
    let at = advice.at.unwrap_or(at).min(text.text.len());
    let len = text.text[at..].chars().next().map_or(0, char::len_utf8);
    let span = text.span(at..at + len);
    let mut diagnostic = Diagnostic::error(
        codes::YAML_SYNTAX,
        format!("invalid YAML: {}", advice.message),
    )
    .at(span);
    diagnostic.help = advice.help;
    let variable = text
        .uses
        .iter()
        .find(|it| it.span.start <= span.start && span.end <= it.span.end);
    if let Some(variable) = variable {
        let note = format!("this text is the value of the variable `{}`", variable.name);
        diagnostic = diagnostic.note(note);
        diagnostic.help = Some(format!("put it in quotes: `\"${{{}}}\"`", variable.name));
    }
    diagnostic
}

struct Advice {
    message: String,
    help: Option<String>,
    /// A better place than the parser's.
    at: Option<usize>,
}

impl Advice {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
            at: None,
        }
    }
}

/// The text around an error.
struct Context<'a> {
    text: &'a str,
    at: usize,
    line_start: usize,
    line: &'a str,
    /// The first character of the error's place.
    found: Option<char>,
}

impl<'a> Context<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        let at = text.floor_char_boundary(at.min(text.len()));
        let line_start = text[..at].rfind('\n').map_or(0, |it| it + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        Self {
            text,
            at,
            line_start,
            line,
            found: text[at..].chars().next(),
        }
    }

    fn advice(&self, reason: &str) -> Advice {
        if let Some(advice) = self.reserved_character(reason) {
            return advice;
        }
        if let Some(advice) = self.tab() {
            return advice;
        }
        if reason.contains("mapping values are not allowed") {
            return self.misplaced_colon();
        }
        if reason.contains("simple key expect") || reason.contains("could not find expected ':'") {
            return self.missing_colon();
        }
        if reason.contains("trailing content after double-quoted") {
            return Advice::new(
                "text after the closing quote",
                "put the whole value in quotes, and write `\\\"` for a quote inside it",
            );
        }
        if reason.contains("unknown escape character") {
            return Advice::new(
                "unknown escape in a double-quoted value",
                "write `\\\\` for a backslash, or use single quotes",
            );
        }
        if reason.contains("in quoted scalar") || reason.contains("a quoted scalar") {
            return Advice::new(
                "a quote is opened and not closed",
                "close it, or put the whole value in the other kind of quotes",
            );
        }
        if ["flow construct", "',' or '", "illegal placement of ':'"]
            .iter()
            .any(|it| reason.contains(it))
        {
            return Advice::new(
                "a bracket is opened and not closed, or a comma is missing",
                "put text that holds `[`, `]`, `{`, `}` or `,` in quotes",
            );
        }
        if reason.contains("anchor or alias") {
            return Advice::new(
                "`*` and `&` at the start of a value name aliases and anchors",
                "put the value in quotes",
            );
        }
        if reason.contains("unknown anchor") {
            return Advice::new(
                "`*` at the start of a value names an alias, and nothing has this name",
                "put the value in quotes when it is text",
            );
        }
        if reason.contains("did not find expected key") || reason.contains("expected '-'") {
            return Advice::new(
                "this line is not indented like the ones before it",
                "indent the fields of one object, and the items of one list, alike",
            );
        }
        if reason.contains("recursion limit") {
            return Advice::new("brackets are nested too deeply", "use fewer levels");
        }
        Advice {
            message: reason.to_owned(),
            help: None,
            at: None,
        }
    }

    /// A value that starts with a character YAML keeps for itself.
    fn reserved_character(&self, reason: &str) -> Option<Advice> {
        let found = self.found.filter(|it| matches!(it, '`' | '@' | '%'))?;
        if !reason.contains("unexpected character") && found != '%' {
            return None;
        }
        let name = match found {
            '`' => "a backtick (`` ` ``)".to_owned(),
            other => format!("`{other}`"),
        };
        let message = format!("a value cannot start with {name}");
        let value = self.value_at_error();
        let inner = if found == '`' {
            value.trim_matches('`')
        } else {
            value
        };
        Some(Advice::new(
            message,
            format!("put the value in quotes: `\"{inner}\"`"),
        ))
    }

    fn value_at_error(&self) -> &'a str {
        let column = self.line.find(['`', '@', '%']).unwrap_or(0);
        let value = self.line[column..].trim_end();
        value.split(" #").next().unwrap_or(value).trim_end()
    }

    /// Tabs in the indentation of the line.
    fn tab(&self) -> Option<Advice> {
        let blanks = self.line.len() - self.line.trim_start_matches([' ', '\t']).len();
        let column = self.line[..blanks].find('\t')?;
        let mut advice = Advice::new(
            "a tab in the indentation",
            "indent with spaces: YAML allows no tabs there",
        );
        advice.at = Some(self.line_start + column);
        Some(advice)
    }

    /// A `: ` where no object can begin: the second one of a line, or the first of a line that
    /// continues the value above.
    fn misplaced_colon(&self) -> Advice {
        let before = &self.text[self.line_start..self.at];
        if before.contains(": ") {
            return Advice::new(
                "a second `: ` in one line",
                "put text that holds `: ` in quotes, or begin the inner object on a new line",
            );
        }
        if let Some(advice) = self.line_above().and_then(missing_space) {
            return advice;
        }
        Advice::new(
            "this line continues the value above it, and an object cannot begin there",
            "indent the fields of one object alike",
        )
    }

    /// A line that should be `key: value`. The parser notices it at the end of the line or on the
    /// next one.
    fn missing_colon(&self) -> Advice {
        let line = (self.line_start, self.line);
        let line = if looks_like_text(self.line) {
            line
        } else {
            self.line_above().unwrap_or(line)
        };
        missing_space(line).unwrap_or_else(|| {
            let mut advice = Advice::new(
                "expected `key: value`",
                "each line of an object has a key and a colon",
            );
            advice.at = Some(content_start(line));
            advice
        })
    }

    /// The line before the error that holds something, with its offset.
    fn line_above(&self) -> Option<(usize, &'a str)> {
        let before = self.text[..self.line_start].trim_end();
        let start = before.rfind('\n').map_or(0, |it| it + 1);
        (!before.is_empty()).then(|| (start, &before[start..]))
    }
}

/// Advice for `key:value`.
fn missing_space(line: (usize, &str)) -> Option<Advice> {
    let (key, rest) = line
        .1
        .trim_start()
        .trim_start_matches("- ")
        .split_once(':')?;
    let is_key = !key.is_empty() && !key.contains([' ', '"', '\'']);
    if !is_key || rest.is_empty() || rest.starts_with([' ', '/']) {
        return None;
    }
    let help = format!("write `{key}: {}`", rest.trim());
    let mut advice = Advice::new("no space after the colon", help);
    advice.at = Some(content_start(line));
    Some(advice)
}

fn content_start((start, line): (usize, &str)) -> usize {
    start + line.len() - line.trim_start().len()
}

/// Whether a line is something that is not `key: value`.
fn looks_like_text(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.contains(": ") && !line.ends_with(':')
}
