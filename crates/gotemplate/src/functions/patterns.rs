//! Regular expressions in Go's syntax, bounded in size and searched in linear time.

use regex::{Captures, Regex, RegexBuilder};

use millrace_bloblang::{Replacement, replacement_size, translate_regex};

use super::Type::{Int, Text};
use super::{Answer, Call, Function};
use crate::Fault;
use crate::value::{Element, List, Val};

/// The largest automaton, in bytes.
const SIZE_MAX: usize = 512 << 10;
/// How many expressions of a run are kept.
const KEPT_MAX: usize = 64;
/// What it takes to compile an expression, in steps.
const COMPILE_STEPS: usize = 20_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("regexMatch", &[Text, Text], |call| {
        Ok(Val::Bool(match pattern(call) {
            Ok(regex) => search(call, 1)?.is_match(&regex),
            // What is no expression matches nothing.
            Err(fault) if fault.to_string().starts_with("error parsing") => false,
            Err(fault) => return Err(fault),
        }))
    }),
    Function::new("mustRegexMatch", &[Text, Text], |call| {
        let regex = pattern(call)?;
        Ok(Val::Bool(search(call, 1)?.is_match(&regex)))
    }),
    Function::new("regexFind", &[Text, Text], find),
    Function::new("mustRegexFind", &[Text, Text], find),
    Function::new("regexFindAll", &[Text, Text, Int], find_all),
    Function::new("mustRegexFindAll", &[Text, Text, Int], find_all),
    Function::new("regexReplaceAll", &[Text, Text, Text], replace),
    Function::new("mustRegexReplaceAll", &[Text, Text, Text], replace),
    Function::new(
        "regexReplaceAllLiteral",
        &[Text, Text, Text],
        replace_literal,
    ),
    Function::new(
        "mustRegexReplaceAllLiteral",
        &[Text, Text, Text],
        replace_literal,
    ),
    Function::new("regexSplit", &[Text, Text, Int], split),
    Function::new("mustRegexSplit", &[Text, Text, Int], split),
    Function::new("regexQuoteMeta", &[Text], |call| {
        let text = call.text(0);
        call.room(text.len().saturating_mul(2))?;
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            if r"\.+*?()|[]{}^$".contains(character) {
                out.push('\\');
            }
            out.push(character);
        }
        call.made(out)
    }),
];

/// The expression that is the first argument, of which the run keeps some.
fn pattern(call: &mut Call<'_, '_>) -> Result<Regex, Fault> {
    let Val::Str(source) = call.value(0).clone() else {
        unreachable!("an expression is a string");
    };
    let key = source.to_text();
    if let Some(regex) = call.run.patterns.get(&key) {
        return Ok(regex.clone());
    }
    call.step(COMPILE_STEPS + source.len())?;
    let regex = RegexBuilder::new(&translate_regex(&source.text()))
        .size_limit(SIZE_MAX)
        .dfa_size_limit(SIZE_MAX)
        .build()
        .map_err(|error| Fault::new(complaint(&source.text(), &error)))?;
    if call.run.patterns.len() >= KEPT_MAX {
        call.run.patterns.clear();
    }
    call.run.patterns.insert(key, regex.clone());
    Ok(regex)
}

fn complaint(source: &str, error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("error parsing regexp: expression is larger than {limit} bytes when compiled")
        }
        // The crate draws the place over several lines.
        other => match millrace_bloblang::compile_regex(source) {
            Err(reason) => reason,
            Ok(_) => format!("error parsing regexp: {other}"),
        },
    }
}

/// A text to search, whose length is paid for.
struct Searched<'a>(std::borrow::Cow<'a, str>);

impl Searched<'_> {
    fn is_match(&self, regex: &Regex) -> bool {
        regex.is_match(&self.0)
    }
}

fn search<'a>(call: &'a Call<'_, '_>, index: usize) -> Result<Searched<'a>, Fault> {
    let text = call.text(index);
    call.step(text.len() / 8)?;
    Ok(Searched(text))
}

fn find(call: &mut Call<'_, '_>) -> Answer {
    let regex = pattern(call)?;
    let text = search(call, 1)?.0;
    call.made(regex.find(&text).map_or("", |it| it.as_str()))
}

/// A limit as Go reads it: none when it is negative.
fn limit(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn find_all(call: &mut Call<'_, '_>) -> Answer {
    let regex = pattern(call)?;
    let text = search(call, 1)?.0;
    let mut found = Vec::new();
    for it in regex.find_iter(&text).take(limit(call.int(2))) {
        call.step(1)?;
        call.meter().room(found.len() * size_of::<Val>())?;
        found.push(it.as_str());
    }
    match found.is_empty() {
        true => Ok(Val::List(List::Nothing(Element::Text))),
        false => call.texts(found),
    }
}

fn replace(call: &mut Call<'_, '_>) -> Answer {
    /// Pieces of a replacement that take as long as a step.
    const STEP_PIECES: usize = 16;
    let regex = pattern(call)?;
    let by = call.text(2);
    call.room(replacement_size(&by))?;
    let by = Replacement::new(by, &regex);
    replaced(call, &regex, |groups, out| {
        call.step(by.pieces() / STEP_PIECES)?;
        make_room(call, out, by.length(groups))?;
        by.push(groups, out);
        Ok(())
    })
}

fn replace_literal(call: &mut Call<'_, '_>) -> Answer {
    let regex = pattern(call)?;
    let by = call.text(2);
    replaced(call, &regex, |_, out| {
        make_room(call, out, by.len())?;
        out.push_str(&by);
        Ok(())
    })
}

/// Refuses to add so many bytes when there is no room for them, and takes steps for them.
fn make_room(call: &Call<'_, '_>, out: &str, more: usize) -> Result<(), Fault> {
    call.meter().room(out.len().saturating_add(more))?;
    call.step(more / 64)
}

/// The text with what `push` adds in the place of each match.
fn replaced(
    call: &Call<'_, '_>,
    regex: &Regex,
    push: impl Fn(&Captures<'_>, &mut String) -> Result<(), Fault>,
) -> Answer {
    let text = search(call, 1)?.0;
    let mut out = String::new();
    let mut at = 0;
    for groups in regex.captures_iter(&text) {
        call.step(1)?;
        let whole = groups.get(0).expect("a match has a place");
        out.push_str(&text[at..whole.start()]);
        push(&groups, &mut out)?;
        at = whole.end();
    }
    out.push_str(&text[at..]);
    call.made(out)
}

/// The parts between the matches, at most so many.
fn split(call: &mut Call<'_, '_>) -> Answer {
    let regex = pattern(call)?;
    let text = search(call, 1)?.0;
    let count = call.int(2);
    if count == 0 {
        return Ok(Val::List(List::Nothing(Element::Text)));
    }
    if text.is_empty() && !regex.as_str().is_empty() {
        return call.texts([""]);
    }
    let mut parts: Vec<&str> = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for it in regex.find_iter(&text) {
        if count > 0 && parts.len() as i64 == count - 1 {
            break;
        }
        call.step(1)?;
        call.meter().room(parts.len() * size_of::<Val>())?;
        end = it.start();
        if it.end() != 0 {
            parts.push(&text[begin..end]);
        }
        begin = it.end();
    }
    if end != text.len() {
        parts.push(&text[begin..]);
    }
    call.texts(parts)
}
