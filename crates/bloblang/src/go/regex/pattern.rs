//! Patterns that cost steps: when they are compiled, and for each text that they search.

use std::sync::OnceLock;

use regex::Regex;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson;
use regex_automata::{Input, MatchKind};

use super::{complaint, repeats, sized, translate};
use crate::budget;
use crate::eval_error::EvalError;

/// Sizes of compiled patterns, in bytes, with what a byte of a text costs that they search, in
/// 65,536ths of a step: in the worst case a search goes through the whole pattern for each byte.
const SIZES: [(usize, usize); 5] = [
    (16 << 10, 1 << 11),
    (64 << 10, 1 << 11),
    (256 << 10, 1 << 15),
    (1 << 20, 1 << 18),
    (super::SIZE_MAX, 1 << 22),
];
/// Bytes of a compiled pattern that cost a step.
const COMPILED: usize = 32;

/// A pattern, compiled.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    weight: usize,
    /// What tells how far a search looks, once that was asked; nothing, when it cannot be told.
    reach: OnceLock<Option<DFA>>,
}

impl Pattern {
    /// Compiles a pattern in Go's syntax, and pays for that.
    ///
    /// # Errors
    /// What is wrong with the pattern, or the steps are used up.
    pub fn compile(pattern: &str) -> Result<Pattern, EvalError> {
        budget::steps(pattern.len())?;
        let translated = translate(pattern);
        repeats::check(&translated).map_err(EvalError::new)?;
        let mut failed = regex::Error::CompiledTooBig(super::SIZE_MAX);
        for (size, weight) in SIZES {
            budget::steps(size / COMPILED)?;
            match sized(&translated, size) {
                Ok(regex) => {
                    return Ok(Pattern {
                        regex,
                        weight,
                        reach: OnceLock::new(),
                    });
                }
                Err(error) => failed = error,
            }
            if !matches!(failed, regex::Error::CompiledTooBig(_)) {
                break;
            }
        }
        Err(EvalError::new(complaint(&failed)))
    }

    /// The pattern, for searches that are paid for.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// Pays for a search through so many bytes.
    ///
    /// # Errors
    /// The steps are used up.
    pub fn pay(&self, bytes: usize) -> Result<(), EvalError> {
        budget::steps(bytes.saturating_mul(self.weight) >> 16)
    }

    /// Whether the pattern matches anywhere in a text.
    ///
    /// # Errors
    /// The steps are used up.
    pub fn is_match(&self, text: &str) -> Result<bool, EvalError> {
        self.pay(text.len())?;
        Ok(self.regex.is_match(text))
    }

    /// Begins to search a text for all matches, and pays for the first search.
    ///
    /// # Errors
    /// The steps are used up.
    pub fn searches<'a>(&'a self, text: &'a str) -> Result<Searches<'a>, EvalError> {
        self.pay(text.len())?;
        Ok(Searches {
            pattern: self,
            text,
            found: 0,
            cache: None,
        })
    }

    fn reach(&self) -> Option<&DFA> {
        /// What the automaton takes, and its states, in bytes.
        const REACH_MAX: usize = 1 << 20;
        let reach = self.reach.get_or_init(|| {
            let config = Config::new()
                .match_kind(MatchKind::LeftmostFirst)
                .cache_capacity(REACH_MAX)
                .skip_cache_capacity_check(true);
            DFA::builder()
                .configure(config)
                .thompson(thompson::Config::new().nfa_size_limit(Some(REACH_MAX)))
                .build(self.regex.as_str())
                .ok()
        });
        reach.as_ref()
    }
}

/// Searches of one text, each behind the match that the one before has found.
///
/// A search may look at all that is left to find a match of one byte, as for `.*?b|a`. The library
/// does not tell how far it has looked, so it is found out for some of them.
pub(crate) struct Searches<'a> {
    pattern: &'a Pattern,
    text: &'a str,
    found: usize,
    cache: Option<Cache>,
}

/// So much of a text is paid for as if each search looked at all of it.
const SHORT: usize = 1024;
/// Of so many searches one is looked at.
const SAMPLE: usize = 16;

impl Searches<'_> {
    /// A match was found that ends here: pays for the search for the next one.
    ///
    /// # Errors
    /// The steps are used up.
    pub fn found(&mut self, end: usize) -> Result<(), EvalError> {
        budget::steps(1)?;
        let left = self.text.len() - end;
        if left <= SHORT {
            return self.pattern.pay(left);
        }
        self.found += 1;
        if self.found % SAMPLE != 1 {
            return Ok(());
        }
        let looked = self.looked(end).unwrap_or(left);
        self.pattern.pay(looked.saturating_mul(SAMPLE))
    }

    /// How many bytes a search looks at from a place on.
    fn looked(&mut self, from: usize) -> Option<usize> {
        let dfa = self.pattern.reach()?;
        let cache = self.cache.get_or_insert_with(|| dfa.create_cache());
        let input = Input::new(self.text).range(from..);
        let mut state = dfa.start_state_forward(cache, &input).ok()?;
        let rest = &self.text.as_bytes()[from..];
        for (at, byte) in rest.iter().enumerate() {
            state = dfa.next_state(cache, state, *byte).ok()?;
            if state.is_dead() {
                return Some(at + 1);
            }
        }
        Some(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Allowance;

    #[test]
    fn a_search_is_paid_for_as_far_as_it_looks() {
        let text = format!("{}b", "a".repeat(5_000));
        for (pattern, from, expected) in [
            ("a", 0, 3),
            ("a.", 10, 4),
            (".*?b|a", 0, text.len()),
            ("c", 4_000, 1_001),
        ] {
            let pattern = Pattern::compile(pattern).unwrap();
            let mut searches = pattern.searches(&text).unwrap();
            let looked = searches.looked(from);
            assert_eq!(looked, Some(expected), "{}", pattern.regex());
        }
    }

    #[test]
    fn compiling_and_searching_cost_by_the_size_of_the_pattern() {
        let steps = 20_000;
        let _account = budget::open(Allowance {
            steps,
            bytes: u64::MAX,
        });
        let (small, large) = (r"^\w+$", r"(\p{L}{30}){5}");
        let pattern = Pattern::compile(small).unwrap();
        assert!(pattern.is_match(&"a".repeat(100_000)).unwrap());
        let pattern = Pattern::compile(large);
        let text = "a".repeat(10_000);
        assert!(pattern.and_then(|it| it.is_match(&text)).is_err());
    }
}
