//! One expression, compiled: first its steps are tried, then the regular expression as a whole.

use memchr::memmem::Finder;
use millrace_bloblang::translate_regex;
use millrace_message::Object;
use regex_automata::Input;
use regex_automata::meta;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;

use super::fields::Fields;
use super::groups::take_names;
use super::patterns::Expanded;
use super::steps::{self, Steps};
use crate::processors::payload_text::PayloadText;

pub(super) struct Expression {
    /// What most matches are found by.
    steps: Option<Steps>,
    /// What every match is found by.
    whole: meta::Regex,
    /// The longest text that is part of every match.
    needle: Option<Finder<'static>>,
    fields: Fields,
    leave_out_empty: bool,
}

/// What a thread needs to match one expression.
pub(super) struct Scratch {
    steps: Option<steps::Scratch>,
    /// Start and end of each group.
    slots: Vec<Option<NonMaxUsize>>,
}

impl Expression {
    /// # Errors
    /// It is no regular expression, or too large a one.
    pub fn new(expanded: Expanded, leave_out_empty: bool) -> Result<Self, String> {
        let (regex, names) = take_names(&translate_regex(&expanded.regex))?;
        let hir = syntax::parse(&regex).map_err(|error| {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default();
            reason.strip_prefix("error: ").unwrap_or(reason).to_owned()
        })?;
        let whole = meta::Builder::new()
            .configure(meta::Config::new().nfa_size_limit(Some(10 << 20)))
            .build_from_hir(&hir)
            .map_err(|error| match error.size_limit() {
                Some(limit) => format!("it is larger than {limit} bytes when compiled"),
                None => error.to_string(),
            })?;
        let needle = steps::longest_literal(&hir);
        Ok(Self {
            needle: needle.map(|it| Finder::new(it).into_owned()),
            steps: Steps::new(&hir),
            whole,
            fields: Fields::new(&names, &expanded),
            leave_out_empty,
        })
    }

    pub fn scratch(&self) -> Scratch {
        Scratch {
            steps: self.steps.as_ref().map(Steps::scratch),
            slots: vec![None; 2 * self.whole.captures_len()],
        }
    }

    /// The object of the first match in the text; none when there is no match, or nothing in it.
    pub fn parse(&self, source: &PayloadText<'_>, scratch: &mut Scratch) -> Option<Object> {
        if !self.find(source.as_str().as_bytes(), scratch) {
            return None;
        }
        let object = self
            .fields
            .object(source, &scratch.slots, self.leave_out_empty);
        object.ok().filter(|object| !object.is_empty())
    }

    /// Finds the first match and leaves its groups in the slots.
    fn find(&self, text: &[u8], scratch: &mut Scratch) -> bool {
        let Scratch { steps, slots } = scratch;
        if let (Some(steps), Some(scratch)) = (&self.steps, steps)
            && steps.find(text, scratch, slots)
        {
            return true;
        }
        if self
            .needle
            .as_ref()
            .is_some_and(|needle| needle.find(text).is_none())
        {
            return false;
        }
        slots.fill(None);
        self.whole.search_slots(&Input::new(text), slots).is_some()
    }
}

#[cfg(test)]
impl Expression {
    pub fn whole(&self) -> &meta::Regex {
        &self.whole
    }

    pub fn steps(&self) -> Option<&Steps> {
        self.steps.as_ref()
    }
}
