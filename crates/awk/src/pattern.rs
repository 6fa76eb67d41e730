//! Regular expressions: Go's syntax, bounded in size, and searched in time that is linear in the
//! text. Short texts are searched at once, long ones piece by piece.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use regex_automata::meta::Regex;
use regex_automata::{Input, util::syntax};

use crate::Fault;
use crate::meter::Meter;
use crate::stepper::{CACHES_MAX, Purse, Stepper};

/// The largest automaton, in bytes.
const SIZE_MAX: usize = 512 << 10;
/// What a search may cache, in bytes.
const CACHE_MAX: usize = 256 << 10;
/// How many expressions that a run makes are kept, and how large they may be together.
const KEPT_MAX: usize = 64;
const KEPT_SIZE_MAX: usize = 16 << 20;
/// What it takes to compile an expression, in steps.
const COMPILE_STEPS: u64 = 20_000;
/// From which length of a text on the clock is read before each search.
const LONG: usize = 4 << 10;
/// The longest text that is searched at once: in the worst case a byte takes some 10 ns for each part
/// of the expression.
const WHOLE_MAX: usize = 16 << 10;

#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    size: usize,
    /// The expression as it was compiled.
    source: Arc<str>,
    /// What searches long texts, once there was one; nothing, when the expression does not allow it.
    stepper: OnceLock<Option<Arc<Stepper>>>,
}

impl Pattern {
    /// # Errors
    /// What is wrong with the expression.
    pub fn compile(pattern: &str) -> Result<Self, String> {
        let source = millrace_bloblang::translate_regex(pattern);
        let config = Regex::config()
            .nfa_size_limit(Some(SIZE_MAX))
            .hybrid_cache_capacity(CACHE_MAX);
        let regex = Regex::builder()
            .syntax(syntax())
            .configure(config)
            .build(&source);
        match regex {
            Ok(regex) => Ok(Self {
                size: regex.memory_usage(),
                regex,
                source: Arc::from(&*source),
                stepper: OnceLock::new(),
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

    /// The memory of the expression itself, about, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The most memory it takes, with what searches long texts, about, in bytes.
    fn held(&self) -> usize {
        2 * self.size + CACHES_MAX + self.source.len()
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
        if text.len() > WHOLE_MAX {
            return Ok(self.find(text, meter)?.is_some());
        }
        self.charge(text.len(), meter)?;
        Ok(self.regex.is_match(Input::new(text)))
    }

    /// The first match.
    pub fn find(&self, text: &[u8], meter: &Meter) -> Result<Option<Range<usize>>, Fault> {
        if text.len() > WHOLE_MAX {
            let pay = |bytes| self.pay(bytes, meter);
            return self.find_long(text, 0, &mut Purse::new(&pay), meter);
        }
        self.charge(text.len(), meter)?;
        Ok(self.regex.find(Input::new(text)).map(|it| it.range()))
    }

    /// Takes the steps of a piece of a long text, and reads the clock.
    fn pay(&self, bytes: usize, meter: &Meter) -> Result<(), Fault> {
        self.charge(bytes, meter)?;
        meter.check_time()
    }

    /// The first match from `from` on, searched piece by piece.
    fn find_long(
        &self,
        text: &[u8],
        from: usize,
        purse: &mut Purse<'_>,
        meter: &Meter,
    ) -> Result<Option<Range<usize>>, Fault> {
        let compile = || Stepper::compile(&self.source, syntax(), SIZE_MAX).map(Arc::new);
        match self.stepper.get_or_init(compile) {
            Some(stepper) => stepper.find(text, from, purse),
            None => {
                // It is searched at once, so the worst case is paid before.
                let bytes = (text.len() - from) as u64;
                meter.step(bytes.saturating_mul(self.size as u64) / 64)?;
                let input = Input::new(text).range(from..);
                Ok(self.regex.find(input).map(|it| it.range()))
            }
        }
    }

    /// Hands every match to `found` until it says that this is enough. An empty match right behind
    /// another one is none.
    pub fn find_all(
        &self,
        text: &[u8],
        meter: &Meter,
        mut found: impl FnMut(Range<usize>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let mut at = 0;
        let mut last_end = None;
        // The end of a text is paid for once, where it gets short enough to be searched at once.
        let mut is_paid = false;
        let pay = |bytes| self.pay(bytes, meter);
        let mut purse = Purse::new(&pay);
        while at <= text.len() {
            meter.step(1)?;
            let left = text.len() - at;
            let range = if left > WHOLE_MAX {
                self.find_long(text, at, &mut purse, meter)?
            } else {
                if !is_paid {
                    self.charge(left, meter)?;
                    is_paid = true;
                }
                if left > LONG {
                    meter.check_time()?;
                }
                let input = Input::new(text).range(at..);
                self.regex.find(input).map(|it| it.range())
            };
            let Some(range) = range else {
                return Ok(());
            };
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

/// How expressions are read.
fn syntax() -> syntax::Config {
    syntax::Config::new().utf8(false).dot_matches_new_line(true)
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
        let size = compiled.held() + pattern.len();
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

#[cfg(test)]
mod tests;
