//! Environment variables in config texts: `${VAR}`, `${VAR:default}`, `${{ESCAPED}}`.
//!
//! Variables are replaced in the raw text before it is parsed, as Bento does, with a map back to
//! the text as written. The rules, each from Bento:
//!
//! - Names consist of letters, digits, `_` and `.`.
//! - A variable that is set but empty takes the default.
//! - A default may hold one level of `${…}`, which is kept as it stands.
//! - A line break in a value becomes the two characters `\n`.
//! - `${{VAR}}` becomes `${VAR}`, after all variables were replaced.
//! - A variable without a default that is not set is reported; all of them at once.

use crate::tree::MAX_TEXT_BYTES;
use crate::{OffsetMap, codes};
use millrace_diagnostics::{Diagnostic, SourceId, Span};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

mod dotenv;
mod unset;

pub use dotenv::{DotenvError, parse_dotenv};
pub use unset::Unset;

/// How many places of missing variables are shown beside the first.
const RELATED_MAX: usize = 20;

/// The variables that a config may use.
#[derive(Clone, Default, Debug)]
pub struct Environment {
    vars: BTreeMap<String, String>,
}

impl Environment {
    /// No variable at all.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The variables of this process. Values that are not Unicode are taken with replacement
    /// characters.
    pub fn of_process() -> Self {
        let vars = std::env::vars_os();
        let text = |it: std::ffi::OsString| it.to_string_lossy().into_owned();
        Self {
            vars: vars
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        }
    }

    /// Sets a variable, whatever it was before.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.vars.insert(name.into(), value.into());
    }

    /// Adds the assignments of a `.env` file; they win over what was set before.
    pub fn extend(&mut self, assignments: impl IntoIterator<Item = (String, String)>) {
        self.vars.extend(assignments);
    }

    /// Every variable with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }
}

/// A text with its variables replaced.
#[derive(Clone, Debug)]
pub struct InterpolatedText {
    /// What the parser reads.
    pub text: String,
    /// From there back to the source.
    pub map: OffsetMap,
    /// The source text that was interpolated.
    pub source: SourceId,
    /// Which values went where.
    pub uses: EnvUses,
    /// Variables without a default that are not set; their place holds an empty text.
    pub missing: Vec<EnvUse>,
}

impl InterpolatedText {
    /// A text in which nothing is replaced.
    pub fn verbatim(text: &str, source: SourceId) -> Self {
        Self {
            text: text.to_owned(),
            map: OffsetMap::identity(text.len()),
            source,
            uses: EnvUses::default(),
            missing: Vec::new(),
        }
    }

    /// The complaint about missing variables: one for all of them, pointing at each place.
    pub fn missing_diagnostic(&self) -> Option<Diagnostic> {
        let (first, others) = self.missing.split_first()?;
        let mut seen = HashSet::new();
        let names = self.missing.iter().map(|it| it.name.as_str());
        let names: Vec<_> = names.filter(|name| seen.insert(*name)).collect();
        let list = names.join(" ");
        let message = format!("required environment variables were not set: [{list}]");
        let name = first.name.as_str();
        let (set, give) = match names.len() {
            1 => (name, "it"),
            _ => ("them", "each"),
        };
        let mut diagnostic = Diagnostic::error(codes::MISSING_ENV_VAR, message)
            .at(first.span)
            .help(format!(
                "set {set}, also in a file that `--env-file` names, or give {give} a default: \
                 `${{{name}:value}}`"
            ));
        for other in others.iter().take(RELATED_MAX) {
            diagnostic = diagnostic.related(other.span, "and here");
        }
        if let Some(more) = others.len().checked_sub(RELATED_MAX).filter(|it| *it > 0) {
            diagnostic = diagnostic.note(format!("and in {more} more places"));
        }
        Some(diagnostic)
    }

    /// The place in the source of a range of the interpolated text.
    pub fn span(&self, range: Range<usize>) -> Span {
        let range = self.map.range(range);
        Span::new(self.source, range.start, range.end)
    }
}

/// Which variable's value went into which place of a source.
#[derive(Clone, Default, Debug)]
pub struct EnvUses {
    uses: Vec<EnvUse>,
}

/// One `${VAR}` of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvUse {
    /// The name.
    pub name: String,
    /// What stands in its place, before line breaks are escaped.
    pub value: String,
    /// The `${…}` as written.
    pub span: Span,
}

impl EnvUses {
    /// Adds the uses of another source.
    pub fn extend(&mut self, other: Self) {
        self.uses.extend(other.uses);
    }

    /// The uses within a span.
    pub fn within(&self, span: Span) -> impl Iterator<Item = &EnvUse> {
        self.uses.iter().filter(move |it| span.contains(it.span))
    }

    /// The values that were inserted within a span.
    pub fn values_within(&self, span: Span) -> impl Iterator<Item = &str> {
        self.within(span).map(|it| it.value.as_str())
    }

    /// All uses.
    pub fn iter(&self) -> impl Iterator<Item = &EnvUse> {
        self.uses.iter()
    }
}

/// Replaces the variables of a text.
pub fn interpolate(text: &str, source: SourceId, environment: &Environment) -> InterpolatedText {
    let mut interpolation = Interpolation::of(environment, source);
    interpolation.part(text, 0..text.len());
    interpolation.finish()
}

/// As [`interpolate`], with another text in the place of one part, which is not looked at.
pub fn interpolate_without(
    text: &str,
    source: SourceId,
    environment: &Environment,
    part: Range<usize>,
    instead: &str,
) -> InterpolatedText {
    let mut interpolation = Interpolation::of(environment, source);
    interpolation.part(text, 0..part.start);
    interpolation.out.push_str(instead);
    interpolation.map.replaced(part.clone(), instead.len());
    interpolation.part(text, part.end..text.len());
    interpolation.finish()
}

/// A text whose variables are being replaced.
struct Interpolation<'e> {
    environment: &'e Environment,
    source: SourceId,
    out: String,
    map: OffsetMap,
    uses: EnvUses,
    missing: Vec<EnvUse>,
}

impl<'e> Interpolation<'e> {
    fn of(environment: &'e Environment, source: SourceId) -> Self {
        Self {
            environment,
            source,
            out: String::new(),
            map: OffsetMap::default(),
            uses: EnvUses::default(),
            missing: Vec::new(),
        }
    }

    /// Adds a part of the text; no reference goes beyond it.
    fn part(&mut self, text: &str, part: Range<usize>) {
        let text = &text[..part.end];
        let mut copied = part.start;
        let mut at = part.start;
        let last_brace = text[at..].rfind('}').map_or(at, |found| at + found);
        self.out.reserve(part.len());
        while let Some(found) = text[at..last_brace.max(at)].find("${") {
            // Longer texts are refused by the parser; a large value may be used very often.
            if self.out.len() > MAX_TEXT_BYTES {
                break;
            }
            let start = at + found;
            let Some(reference) = Reference::at(text, start, "${") else {
                at = start + 2;
                continue;
            };
            self.out.push_str(&text[copied..start]);
            self.map.copied(copied..start);
            self.reference(&reference, start);
            copied = reference.end;
            at = copied;
        }
        self.out.push_str(&text[copied..]);
        self.map.copied(copied..text.len());
    }

    fn reference(&mut self, reference: &Reference<'_>, start: usize) {
        let span = Span::new(self.source, start, reference.end);
        let name = reference.name.to_owned();
        let value = match (self.environment.get(&name), reference.default) {
            (Some(value), None) => value,
            (Some(value), Some(_)) if !value.is_empty() => value,
            (_, Some(default)) => default,
            (None, None) => {
                self.missing.push(EnvUse {
                    name: name.clone(),
                    value: String::new(),
                    span,
                });
                ""
            }
        };
        let inserted = value.replace('\n', "\\n");
        self.out.push_str(&inserted);
        self.map.replaced(start..reference.end, inserted.len());
        self.uses.uses.push(EnvUse {
            name,
            value: value.to_owned(),
            span,
        });
    }

    fn finish(self) -> InterpolatedText {
        let (text, map) = unescape(&self.out, self.map);
        InterpolatedText {
            text,
            map,
            source: self.source,
            uses: self.uses,
            missing: self.missing,
        }
    }
}

/// Turns every `${{VAR}}` into `${VAR}`.
fn unescape(text: &str, map: OffsetMap) -> (String, OffsetMap) {
    let last_brace = text.rfind('}').unwrap_or(0);
    let mut kept: Vec<Range<usize>> = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..last_brace.max(at)].find("${{") {
        let start = at + found;
        match Reference::at(text, start, "${{") {
            Some(it) if text[it.end..].starts_with('}') => {
                kept.push(copied..start + 1);
                kept.push(start + 2..it.end);
                copied = it.end + 1;
                at = copied;
            }
            _ => at = start + 2,
        }
    }
    if kept.is_empty() {
        return (text.to_owned(), map);
    }
    kept.push(copied..text.len());
    let out = kept.iter().map(|range| &text[range.clone()]).collect();
    (out, map.of_copies(&kept))
}

/// One `${NAME}` or `${NAME:default}`.
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
    /// One past the closing brace.
    end: usize,
}

impl<'a> Reference<'a> {
    /// The reference that starts with `opening` at `start`.
    fn at(text: &'a str, start: usize, opening: &str) -> Option<Self> {
        let name_start = start + opening.len();
        let rest = &text[name_start..];
        let is_name = |it: u8| it.is_ascii_alphanumeric() || it == b'_' || it == b'.';
        let name_len = rest.bytes().take_while(|it| is_name(*it)).count();
        let (name, rest) = rest.split_at(name_len);
        if name.is_empty() {
            return None;
        }
        let after = name_start + name_len;
        match rest.as_bytes().first() {
            Some(b'}') => Some(Self {
                name,
                default: None,
                end: after + 1,
            }),
            Some(b':') => {
                let close = default_end(&text[after + 1..])? + after + 1;
                Some(Self {
                    name,
                    default: Some(&text[after + 1..close]),
                    end: close + 1,
                })
            }
            _ => None,
        }
    }
}

/// The position of the brace that closes a default: the first one that closes no `${…}` inside;
/// when the text ends before it, the last inner one.
fn default_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut inner = None;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'}' {
            return Some(at);
        }
        if bytes[at..].starts_with(b"${") {
            match text[at + 2..].find('}') {
                None => return inner,
                Some(0) => {}
                Some(len) => {
                    inner = Some(at + 2 + len);
                    at += 2 + len + 1;
                    continue;
                }
            }
        }
        at += 1;
    }
    inner
}

#[cfg(test)]
mod tests;
