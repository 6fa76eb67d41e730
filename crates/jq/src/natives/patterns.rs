//! Regular expressions.
//!
//! A search takes time that is linear in the text, whatever the expression; the size of the
//! expression is bounded, and what it costs is charged by its size.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use millrace_bloblang::translate_regex;
use millrace_message::{Object, Text, Value};
use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Input, PatternID};

use super::Native;
use crate::encode::short;
use crate::error::{Fail, named, not_for};
use crate::limits::Budget;
use crate::number::count;

pub(super) const TABLE: &[Native] = &[
    Native::new("_match", 2, matches),
    Native::new("_test", 2, test),
    Native::new("_between", 2, between),
    Native::new("_fill", 1, fill),
];

/// The largest expression, as the library compiles it, in bytes.
const SIZE_MAX: usize = 512 << 10;
/// What a search may cache, in bytes.
const CACHE_MAX: usize = 256 << 10;
/// The longest text of an expression, in bytes.
const LENGTH_MAX: usize = 64 << 10;
/// What it takes to compile an expression, in steps.
const COMPILE_STEPS: usize = 20_000;
/// How many expressions a thread keeps, and how large they may be together.
const KEPT_MAX: usize = 64;
const KEPT_SIZE_MAX: usize = 4 << 20;

thread_local! {
    /// Expressions of the same text and flags are compiled once.
    static KEPT: RefCell<Kept> = RefCell::default();
}

#[derive(Default)]
struct Kept {
    patterns: HashMap<String, Rc<Pattern>>,
    size: usize,
}

struct Pattern {
    regex: Regex,
    size: usize,
}

impl Pattern {
    fn compile(pattern: &str, flags: &str) -> Result<Self, String> {
        if pattern.len() > LENGTH_MAX {
            return Err("it is too large".to_owned());
        }
        let syntax = syntax::Config::new()
            .case_insensitive(flags.contains('i'))
            .dot_matches_new_line(flags.contains('m'))
            .nest_limit(200);
        let config = Regex::config()
            .nfa_size_limit(Some(SIZE_MAX))
            .hybrid_cache_capacity(CACHE_MAX);
        let regex = Regex::builder()
            .syntax(syntax)
            .configure(config)
            .build(&translate_regex(pattern))
            .map_err(|error| match (error.size_limit(), error.syntax_error()) {
                (Some(_), _) => "it is too large".to_owned(),
                (_, Some(error)) => last_line(&error.to_string()),
                _ => error.to_string(),
            })?;
        Ok(Self {
            size: regex.memory_usage(),
            regex,
        })
    }

    /// Charges a search over so many bytes: large expressions may look at each of them many times.
    fn charge(&self, budget: &Budget, bytes: usize) -> Result<(), Fail> {
        let weight = match self.size {
            0..=0x8000 => 256 + self.size / 4,
            size => size * 4,
        };
        budget.steps(1 + bytes.saturating_mul(weight) / 0x1_0000)?;
        match bytes.saturating_mul(weight) > 0x100_0000 {
            true => budget.check_time(),
            false => Ok(()),
        }
    }

    /// Hands over the first match, or all of them.
    fn each(
        &self,
        budget: &Budget,
        text: &str,
        is_global: bool,
        mut found: impl FnMut(&Captures) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        self.charge(budget, text.len())?;
        for captures in self.regex.captures_iter(Input::new(text)) {
            let end = captures.get_match().map_or(text.len(), |it| it.end());
            found(&captures)?;
            if !is_global {
                return Ok(());
            }
            // The next search may look at all that is left, though it rarely does.
            budget.steps(1 + (text.len() - end) / 0x1_0000)?;
            if text.len() - end > 0x1000 {
                budget.check_time()?;
            }
        }
        Ok(())
    }
}

/// The reason at the end of the several lines that show the place.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// The expression of a text and flags, compiled.
fn compiled(budget: &Budget, pattern: &str, flags: &str) -> Result<Rc<Pattern>, Fail> {
    if flags.chars().any(|flag| !"gim".contains(flag)) {
        let text = format!("unsupported regular expression flag: {flags:?}");
        return Err(Fail::text(text));
    }
    let set = |flag: char| if flags.contains(flag) { flag } else { '-' };
    let key = format!("{}{}{pattern}", set('i'), set('m'));
    if let Some(kept) = KEPT.with_borrow(|kept| kept.patterns.get(&key).cloned()) {
        return Ok(kept);
    }
    budget.steps(COMPILE_STEPS)?;
    budget.check_time()?;
    let compiled = Pattern::compile(pattern, flags).map_err(|reason| {
        let shown = short(&Value::from(pattern));
        Fail::text(format!("invalid regular expression {shown}: {reason}"))
    })?;
    let compiled = Rc::new(compiled);
    let size = compiled.size + key.len();
    KEPT.with_borrow_mut(|kept| {
        if kept.patterns.len() >= KEPT_MAX || kept.size + size > KEPT_SIZE_MAX {
            *kept = Kept::default();
        }
        kept.size += size;
        kept.patterns.insert(key, Rc::clone(&compiled));
    });
    Ok(compiled)
}

/// What a search is asked for: a text, an expression, and whether all matches are wanted.
fn search<'t>(
    budget: &Budget,
    name: &str,
    input: &'t Value,
    arguments: &[Value],
) -> Result<(&'t Text, Rc<Pattern>, bool), Fail> {
    let (Value::String(text), Value::String(pattern), Some(flags)) =
        (input, &arguments[0], flags(&arguments[1]))
    else {
        let called = format!("{name}({}; {})", short(&arguments[0]), short(&arguments[1]));
        let text = format!("{called} cannot be applied to: {}", named(input));
        return Err(Fail::text(text));
    };
    Ok((text, compiled(budget, pattern, flags)?, flags.contains('g')))
}

/// `_test(pattern; flags)`: whether there is a match.
fn test(budget: &Budget, input: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let (text, pattern, _) = search(budget, "test", &input, arguments)?;
    pattern.charge(budget, text.len())?;
    Ok(Value::Bool(pattern.regex.is_match(text.as_str())))
}

/// `_match(pattern; flags)`: the matches as jq tells them.
fn matches(budget: &Budget, input: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let (text, pattern, is_global) = search(budget, "match", &input, arguments)?;
    let mut found = Vec::new();
    let mut place = Place::default();
    pattern.each(budget, text, is_global, |captures| {
        budget.values(10 * captures.group_len())?;
        let bytes = (0..captures.group_len()).filter_map(|group| captures.get_group(group));
        budget.build(bytes.map(|it| it.len()).sum())?;
        found.push(described(text, captures, &mut place));
        Ok(())
    })?;
    Ok(found.into())
}

/// `_between(pattern; flags)`: the named captures of each match, and the texts around the matches.
fn between(budget: &Budget, input: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let (text, pattern, is_global) = search(budget, "match", &input, arguments)?;
    budget.build(text.len())?;
    let (mut captured, mut gaps) = (Vec::new(), Vec::new());
    let mut end = 0;
    pattern.each(budget, text, is_global, |captures| {
        budget.values(2 + 2 * captures.group_len())?;
        let whole = captures.get_group(0).map_or(end..end, |it| it.range());
        gaps.push(Value::String(text.substring(end..whole.start)));
        end = whole.end;
        captured.push(Value::Object(names(budget, text, captures)?));
        Ok(())
    })?;
    gaps.push(Value::String(text.substring(end..text.len())));
    Ok(Value::from(vec![Value::from(captured), Value::from(gaps)]))
}

/// The named captures of a match.
fn names(budget: &Budget, text: &Text, captures: &Captures) -> Result<Object, Fail> {
    let mut members = Vec::new();
    let groups = captures.group_info().pattern_names(PatternID::ZERO);
    for (group, name) in groups.enumerate() {
        let Some(name) = name else { continue };
        let part = match captures.get_group(group) {
            Some(span) => {
                budget.build(span.len())?;
                Value::String(text.substring(span.range()))
            }
            None => Value::Null,
        };
        members.push((Text::from(name), part));
    }
    Ok(members.into_iter().collect())
}

/// `_fill(gaps)`: texts between the gaps, of which the input has the last one first.
fn fill(budget: &Budget, input: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let (Value::Array(texts), Value::Array(gaps)) = (&input, &arguments[0]) else {
        return Err(not_for("_fill", &input));
    };
    let mut gaps = gaps.iter();
    let mut text = String::new();
    let mut push = |value: &Value| match value.as_str() {
        Some(piece) => {
            budget.build(piece.len())?;
            text.push_str(piece);
            Ok(())
        }
        None => Ok(()),
    };
    gaps.next().map_or(Ok(()), |gap| push(&gap))?;
    budget.values(texts.len())?;
    let texts: Vec<_> = texts.iter().collect();
    for (value, gap) in texts.iter().rev().zip(gaps) {
        if !matches!(&**value, Value::Null | Value::String(_)) {
            let text = format!("cannot add: {} and {}", named(value), named(&gap));
            return Err(Fail::text(text));
        }
        push(value)?;
        push(&gap)?;
    }
    Ok(Value::from(text))
}

fn flags(flags: &Value) -> Option<&str> {
    match flags {
        Value::Null => Some(""),
        Value::String(flags) => Some(flags),
        _ => None,
    }
}

/// A place in a text, in bytes and in characters: the next one is counted from it.
#[derive(Clone, Copy, Default)]
struct Place {
    offset: usize,
    position: usize,
}

impl Place {
    fn at(self, text: &str, offset: usize) -> Self {
        let position = match offset >= self.offset {
            true => self.position + text[self.offset..offset].chars().count(),
            false => text[..offset].chars().count(),
        };
        Self { offset, position }
    }
}

/// A match as jq tells it.
fn described(text: &Text, captures: &Captures, place: &mut Place) -> Value {
    let start = captures.get_group(0).map_or(0, |it| it.start);
    *place = place.at(text, start);
    let part = |group: usize| match captures.get_group(group) {
        Some(span) => {
            let start = place.at(text, span.start);
            let found = text.substring(span.range());
            let length = found.chars().count();
            (count(start.position), count(length), Value::String(found))
        }
        None => (Value::I64(-1), Value::I64(0), Value::Null),
    };
    let mut groups = Vec::new();
    let names = captures.group_info().pattern_names(PatternID::ZERO);
    for (group, name) in names.enumerate().skip(1) {
        let (offset, length, string) = part(group);
        groups.push(Value::Object(Object::from_ascending(vec![
            (Text::from_static("length"), length),
            (
                Text::from_static("name"),
                name.map_or(Value::Null, Value::from),
            ),
            (Text::from_static("offset"), offset),
            (Text::from_static("string"), string),
        ])));
    }
    let (offset, length, string) = part(0);
    Value::Object(Object::from_ascending(vec![
        (Text::from_static("captures"), groups.into()),
        (Text::from_static("length"), length),
        (Text::from_static("offset"), offset),
        (Text::from_static("string"), string),
    ]))
}

/// `split(pattern; flags)`
pub(super) fn split(budget: &Budget, input: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let Value::String(text) = &input else {
        return Err(not_for("split", &input));
    };
    let Value::String(pattern) = &arguments[0] else {
        return Err(not_for("split", &Value::from_static("")));
    };
    let Some(flags) = flags(&arguments[1]) else {
        return Err(not_for("split", &arguments[1]));
    };
    let pattern = compiled(budget, pattern, flags)?;
    let mut parts = Vec::new();
    // As in Go: an empty match at the start or end of the text separates nothing.
    let (mut start, mut end) = (0, 0);
    pattern.each(budget, text, true, |captures| {
        let found = captures.get_group(0).map_or(0..0, |it| it.range());
        end = found.start;
        if found.end != 0 {
            budget.values(1)?;
            budget.build(end - start)?;
            parts.push(Value::String(text.substring(start..end)));
        }
        start = found.end;
        Ok(())
    })?;
    if end != text.len() {
        budget.build(text.len() - start)?;
        parts.push(Value::String(text.substring(start..text.len())));
    }
    Ok(parts.into())
}
