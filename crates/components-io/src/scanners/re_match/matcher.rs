//! Matches in a text of which only the beginning is known.

use millrace_component::Pattern;
use regex_automata::hybrid::{dfa, regex::Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

pub(super) use regex_automata::hybrid::regex::Cache;

/// The most bytes that a compiled pattern may take, as elsewhere.
const SIZE_MAX: usize = 10 << 20;

/// A compiled pattern.
///
/// It is run as an automaton that says when no byte to come can change what has matched, which the
/// usual engines do not tell.
pub(super) struct Matcher {
    regex: Regex,
}

/// The first match in a text, when it is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// There is one.
    At { start: usize, end: usize },
    /// There is none, and the text is whole.
    None,
    /// It depends on what follows.
    Unknown,
}

impl Matcher {
    /// # Errors
    /// The pattern is too large to be run in this way.
    pub fn new(pattern: &Pattern) -> Result<Self, String> {
        let regex = Regex::builder()
            .syntax(syntax::Config::new().utf8(false))
            .thompson(
                thompson::Config::new()
                    .utf8(false)
                    .nfa_size_limit(Some(SIZE_MAX)),
            )
            .dfa(dfa::Config::new().skip_cache_capacity_check(true))
            .build(&pattern.translated());
        let regex = regex.map_err(|error| format!("pattern `{}`: {error}", pattern.as_str()))?;
        Ok(Self { regex })
    }

    /// Memory for searches.
    pub fn cache(&self) -> Cache {
        self.regex.create_cache()
    }

    /// The first match of `text`; behind the one that ends at `after`, when there is one, which an
    /// empty match does not touch. `is_whole`: nothing follows the text.
    pub fn find(
        &self,
        cache: &mut Cache,
        text: &[u8],
        after: Option<usize>,
        is_whole: bool,
    ) -> Start {
        let mut from = after.unwrap_or(0);
        loop {
            let found = self.find_from(cache, text, from, is_whole);
            match found {
                Start::At { start, end } if start == end && !may_be_empty(text, end, after) => {
                    from = end + 1;
                    if from > text.len() {
                        return if is_whole {
                            Start::None
                        } else {
                            Start::Unknown
                        };
                    }
                }
                found => return found,
            }
        }
    }

    fn find_from(&self, cache: &mut Cache, text: &[u8], from: usize, is_whole: bool) -> Start {
        let input = Input::new(text).range(from..);
        let Some(end) = self.find_end(cache, &input, is_whole) else {
            return Start::Unknown;
        };
        let Some(end) = end else {
            return Start::None;
        };
        let reverse = input.range(from..end).anchored(Anchored::Yes);
        let (_, reverse_cache) = cache.as_parts_mut();
        let start = self.regex.reverse().try_search_rev(reverse_cache, &reverse);
        match start {
            Ok(Some(start)) => Start::At {
                start: start.offset(),
                end,
            },
            // Neither happens: it never gives up, and finds what the other direction has found.
            Ok(None) | Err(_) => Start::Unknown,
        }
    }

    /// Where the first match ends, if there is one; `None` while that is not certain.
    fn find_end(
        &self,
        cache: &mut Cache,
        input: &Input<'_>,
        is_whole: bool,
    ) -> Option<Option<usize>> {
        let automaton = self.regex.forward();
        let (cache, _) = cache.as_parts_mut();
        let mut found = None;
        let mut state = automaton.start_state_forward(cache, input).ok()?;
        // A state tells of a match one byte behind it.
        for at in input.start()..input.end() {
            state = automaton
                .next_state(cache, state, input.haystack()[at])
                .ok()?;
            if state.is_match() {
                found = Some(at);
            } else if state.is_dead() {
                return Some(found);
            }
        }
        if !is_whole {
            return None;
        }
        let state = automaton.next_eoi_state(cache, state).ok()?;
        if state.is_match() {
            found = Some(input.end());
        }
        Some(found)
    }
}

/// Whether an empty match may be here: not at the end of the match before it, and not within a
/// character.
fn may_be_empty(text: &[u8], at: usize, after: Option<usize>) -> bool {
    let is_within_character = text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    after != Some(at) && !is_within_character
}
