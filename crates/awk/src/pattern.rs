//! Regular expressions: Go's syntax, bounded in size, and searched in time that is linear in the
//! text.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use regex_automata::meta::Regex;
use regex_automata::{Input, util::syntax};

use crate::Fault;
use crate::meter::Meter;

/// The largest automaton, in bytes.
const SIZE_MAX: usize = 512 << 10;
/// What a search may cache, in bytes.
const CACHE_MAX: usize = 256 << 10;
/// How many expressions that a run makes are kept, and how large they may be together.
const KEPT_MAX: usize = 64;
const KEPT_SIZE_MAX: usize = 4 << 20;
/// What it takes to compile an expression, in steps.
const COMPILE_STEPS: u64 = 20_000;
/// From which length of a text on the clock is read before each search.
const LONG: usize = 4 << 10;

#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    size: usize,
}

impl Pattern {
    /// # Errors
    /// What is wrong with the expression.
    pub fn compile(pattern: &str) -> Result<Self, String> {
        let syntax = syntax::Config::new().utf8(false).dot_matches_new_line(true);
        let config = Regex::config()
            .nfa_size_limit(Some(SIZE_MAX))
            .hybrid_cache_capacity(CACHE_MAX);
        let regex = Regex::builder()
            .syntax(syntax)
            .configure(config)
            .build(&millrace_bloblang::translate_regex(pattern));
        match regex {
            Ok(regex) => Ok(Self {
                size: regex.memory_usage(),
                regex,
            }),
            Err(error) if error.size_limit().is_some() => {
                Err("the regular expression is too large".to_owned())
            }
            Err(error) => Err(match error.syntax_error() {
                Some(regex_syntax::Error::Parse(error)) => {
                    format!("error parsing regexp: {}", error.kind())
                }
                Some(regex_syntax::Error::Translate(error)) => {
                    format!("error parsing regexp: {}", error.kind())
                }
                _ => format!("error parsing regexp: {error}"),
            }),
        }
    }

    /// The memory it takes, about, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Takes the steps of a search over so many bytes: more for large expressions.
    fn charge(&self, bytes: usize, meter: &Meter) -> Result<(), Fault> {
        let weight = match self.size {
            0..=0x8000 => 1024 + self.size,
            size => size * 16,
        } as u64;
        meter.step(1 + (bytes as u64).saturating_mul(weight) / 0x1_0000)?;
        if bytes > LONG {
            meter.check_time()?;
        }
        Ok(())
    }

    pub fn is_match(&self, text: &[u8], meter: &Meter) -> Result<bool, Fault> {
        self.charge(text.len(), meter)?;
        Ok(self.regex.is_match(Input::new(text)))
    }

    /// The first match.
    pub fn find(&self, text: &[u8], meter: &Meter) -> Result<Option<Range<usize>>, Fault> {
        self.charge(text.len(), meter)?;
        Ok(self.regex.find(Input::new(text)).map(|it| it.range()))
    }

    /// Hands every match to `found` until it says that this is enough. An empty match right behind
    /// another one is none.
    pub fn find_all(
        &self,
        text: &[u8],
        meter: &Meter,
        mut found: impl FnMut(Range<usize>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        self.charge(text.len(), meter)?;
        let mut at = 0;
        let mut last_end = None;
        while at <= text.len() {
            meter.step(1)?;
            if text.len() - at > LONG {
                meter.check_time()?;
            }
            let Some(range) = self.regex.find(Input::new(text).range(at..)) else {
                return Ok(());
            };
            let range = range.range();
            let is_repeated = range.is_empty() && last_end == Some(range.start);
            at = match range.end == at {
                true => at + character_length(&text[at..]),
                false => range.end,
            };
            last_end = Some(range.end);
            if !is_repeated && !found(range)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// How many bytes the first character takes; 1 at the end and for what is no character.
pub(crate) fn character_length(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return 1,
    };
    match text.get(..length).map(std::str::from_utf8) {
        Some(Ok(_)) => length,
        _ => 1,
    }
}

/// The expressions that a run has made.
#[derive(Default)]
pub(crate) struct Patterns {
    kept: HashMap<Vec<u8>, Rc<Pattern>>,
    size: usize,
}

impl Patterns {
    /// # Errors
    /// The text is no regular expression, or a too large one.
    pub fn compile(&mut self, pattern: &[u8], meter: &Meter) -> Result<Rc<Pattern>, Fault> {
        if let Some(kept) = self.kept.get(pattern) {
            return Ok(Rc::clone(kept));
        }
        meter.step(COMPILE_STEPS + 16 * pattern.len() as u64)?;
        meter.check_time()?;
        let compiled = match std::str::from_utf8(pattern) {
            // A pattern takes several times its length while it is read.
            Ok(text) if text.len() <= SIZE_MAX => Pattern::compile(text),
            Ok(_) => Err("the regular expression is too large".to_owned()),
            Err(_) => Err("error parsing regexp: invalid UTF-8".to_owned()),
        };
        let compiled = compiled.map_err(|reason| {
            let shown = String::from_utf8_lossy(&pattern[..pattern.len().min(100)]);
            Fault::new(format!("invalid regex {shown:?}: {reason}"))
        })?;
        let size = compiled.size() + pattern.len();
        if self.kept.len() == KEPT_MAX || self.size + size > KEPT_SIZE_MAX {
            self.kept.clear();
            self.size = 0;
        }
        self.size += size;
        let compiled = Rc::new(compiled);
        self.kept.insert(pattern.to_vec(), Rc::clone(&compiled));
        Ok(compiled)
    }
}
