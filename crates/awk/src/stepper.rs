//! Searches of long texts, piece by piece: between two pieces whoever asked pays for the next one, and
//! can end the search. The library does not let go of a text before it has searched the whole of it.
//!
//! Both ways of a search are automata that are made while they run: one finds where the first match
//! ends, another one goes back from there to where it begins.

use std::ops::Range;
use std::sync::Mutex;

use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::hybrid::{CacheError, LazyStateID, regex};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchError};

use crate::Fault;

/// How much of a text is searched without asking.
const PIECE: usize = 4 << 10;
/// What each automaton may keep of its states, in bytes; more where a few states need more.
const CACHE_MAX: usize = 64 << 10;
/// What both keep.
pub(crate) const CACHES_MAX: usize = 2 * CACHE_MAX;

#[derive(Debug)]
pub(crate) struct Stepper {
    regex: regex::Regex,
    /// The states of the last search, unless somebody else has them.
    caches: Mutex<Option<regex::Cache>>,
}

/// Searched bytes that are paid for, by pieces.
pub(crate) struct Purse<'a> {
    /// Takes what it costs to search so many bytes.
    pay: &'a dyn Fn(usize) -> Result<(), Fault>,
    /// How many bytes are paid for and were not searched yet.
    left: usize,
}

impl<'a> Purse<'a> {
    pub fn new(pay: &'a dyn Fn(usize) -> Result<(), Fault>) -> Self {
        Self { pay, left: 0 }
    }

    /// How many of so many bytes may be searched now: some, if there are any.
    fn draw(&mut self, wanted: usize) -> Result<usize, Fault> {
        if self.left == 0 {
            (self.pay)(PIECE)?;
            self.left = PIECE;
        }
        let drawn = self.left.min(wanted);
        self.left -= drawn;
        Ok(drawn)
    }

    /// Bytes that were drawn and need not be searched.
    fn put_back(&mut self, bytes: usize) {
        self.left += bytes;
    }
}

impl Stepper {
    /// Compiles an expression that the library has compiled already; nothing, when it needs what
    /// these automata do not have.
    pub fn compile(pattern: &str, syntax: syntax::Config, size_max: usize) -> Option<Self> {
        let automaton = dfa::Config::new()
            .cache_capacity(CACHE_MAX)
            .skip_cache_capacity_check(true);
        let regex = regex::Builder::new()
            .syntax(syntax)
            .thompson(thompson::Config::new().nfa_size_limit(Some(size_max)))
            .dfa(automaton)
            .build(pattern)
            .ok()?;
        Some(Self {
            regex,
            caches: Mutex::new(None),
        })
    }

    /// The first match that begins at `from` or behind it.
    ///
    /// # Errors
    /// Those of the purse.
    pub fn find(
        &self,
        text: &[u8],
        mut from: usize,
        purse: &mut Purse<'_>,
    ) -> Result<Option<Range<usize>>, Fault> {
        let mut caches = self.take_caches();
        let found = loop {
            let found = self.find_any(&mut caches, text, from, purse)?;
            match found {
                // Nothing cannot be found within a character.
                Some(range) if range.is_empty() && is_within(text, range.start) => {
                    from = range.start + 1;
                }
                found => break found,
            }
        };
        if let Ok(mut kept) = self.caches.lock() {
            *kept = Some(caches);
        }
        Ok(found)
    }

    fn take_caches(&self) -> regex::Cache {
        let kept = self.caches.lock().ok().and_then(|mut it| it.take());
        kept.unwrap_or_else(|| self.regex.create_cache())
    }

    fn find_any(
        &self,
        caches: &mut regex::Cache,
        text: &[u8],
        from: usize,
        purse: &mut Purse<'_>,
    ) -> Result<Option<Range<usize>>, Fault> {
        let (forward, reverse) = caches.as_parts_mut();
        let Some(end) = end_of(self.regex.forward(), forward, text, from, purse)? else {
            return Ok(None);
        };
        let start = start_of(self.regex.reverse(), reverse, text, from..end, purse)?;
        Ok(start.map(|start| start..end))
    }
}

/// Where the first match ends. An automaton knows of a match one byte behind its end.
fn end_of(
    dfa: &DFA,
    cache: &mut Cache,
    text: &[u8],
    from: usize,
    purse: &mut Purse<'_>,
) -> Result<Option<usize>, Fault> {
    let input = Input::new(text).range(from..);
    let state = dfa.start_state_forward(cache, &input);
    let mut state = state.map_err(|error| refused(&error))?;
    let mut found = None;
    let mut at = from;
    while at < text.len() {
        let end = at + purse.draw(text.len() - at)?;
        while at < end {
            state = next(dfa.next_state(cache, state, text[at]))?;
            if state.is_match() {
                found = Some(at);
            } else if state.is_dead() {
                purse.put_back(end - at);
                return Ok(found);
            }
            at += 1;
        }
    }
    match next(dfa.next_eoi_state(cache, state))?.is_match() {
        true => Ok(Some(text.len())),
        false => Ok(found),
    }
}

/// Where a match begins that ends where the range does, and does not begin before it.
fn start_of(
    dfa: &DFA,
    cache: &mut Cache,
    text: &[u8],
    range: Range<usize>,
    purse: &mut Purse<'_>,
) -> Result<Option<usize>, Fault> {
    let input = Input::new(text)
        .range(range.clone())
        .anchored(Anchored::Yes);
    let state = dfa.start_state_reverse(cache, &input);
    let mut state = state.map_err(|error| refused(&error))?;
    let mut found = None;
    let mut at = range.end;
    let before = range.start.checked_sub(1).and_then(|it| text.get(it));
    while at > range.start {
        let end = at - purse.draw(at - range.start)?;
        while at > end {
            state = next(dfa.next_state(cache, state, text[at - 1]))?;
            if state.is_match() {
                found = Some(at);
            } else if state.is_dead() {
                purse.put_back(at - end);
                return Ok(found);
            }
            at -= 1;
        }
    }
    let last = match before {
        Some(byte) => dfa.next_state(cache, state, *byte),
        None => dfa.next_eoi_state(cache, state),
    };
    match next(last)?.is_match() {
        true => Ok(Some(range.start)),
        false => Ok(found),
    }
}

fn next(state: Result<LazyStateID, CacheError>) -> Result<LazyStateID, Fault> {
    state.map_err(|error| Fault::new(format!("search a regular expression: {error}")))
}

fn refused(error: &MatchError) -> Fault {
    Fault::new(format!("search a regular expression: {error}"))
}

fn is_within(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| matches!(byte, 0x80..=0xbf))
}
