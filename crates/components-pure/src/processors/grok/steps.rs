//! An expression as a list of steps, which finds most matches many times faster than a search.
//!
//! A match is what a backtracking search finds first: at the leftmost start, every part of the
//! expression takes what it prefers, unless a later part fails. So when each part takes what it
//! prefers, one after the other from the earliest start, and none fails, that is the match. When
//! one fails, nothing is known, and the expression has to be searched for as a whole.
//!
//! One kind of going back is done here: a run of characters gives back what the literal behind it
//! needs, since no other choice of the run can lead to a match either.

use memchr::memmem::{Finder, FinderRev};
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::look::{Look, LookMatcher};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input, PatternID, meta};
use regex_syntax::hir::{Class, Hir, HirKind};

/// The most memory that the states of the pieces of one expression take for each thread, in bytes.
const CACHE_MAX: usize = 1 << 20;

pub(super) struct Steps {
    steps: Vec<Step>,
    /// What the expression begins with: only where that stands can a match begin.
    start: Option<Finder<'static>>,
    /// The automaton of all pieces.
    pieces: Option<DFA>,
}

/// What a thread needs to go through the steps.
pub(super) struct Scratch {
    pieces: Option<Cache>,
    part: Vec<Option<NonMaxUsize>>,
}

enum Step {
    /// Keeps the place in a slot.
    Keep(usize),
    Literal(Box<[u8]>),
    Run(Box<Run>),
    Look(Look),
    /// What a pattern of the automaton prefers.
    Piece(PatternID),
    Part(Box<Part>),
}

/// A part with groups that may or may not take part in a match.
struct Part {
    regex: meta::Regex,
    /// The slots of its groups.
    slots: std::ops::Range<usize>,
}

/// One character of a class after the other.
struct Run {
    /// Whether a byte belongs to such a character.
    is_in: [bool; 256],
    min: usize,
    max: usize,
    is_greedy: bool,
    /// The literal that follows.
    then: Option<Literal>,
}

struct Literal {
    text: Box<[u8]>,
    first: Finder<'static>,
    last: FinderRev<'static>,
}

impl Literal {
    fn new(text: &[u8]) -> Self {
        Self {
            text: text.into(),
            first: Finder::new(text).into_owned(),
            last: FinderRev::new(text).into_owned(),
        }
    }
}

impl Steps {
    /// The steps of an expression; none when it asks for something that only the whole can do.
    pub fn new(hir: &Hir) -> Option<Self> {
        let mut planner = Planner::default();
        planner.add(hir)?;
        let Planner { mut steps, pieces } = planner;
        if let [Step::Part(_)] = &steps[..] {
            // That is the whole, and no faster.
            return None;
        }
        let pieces = match &pieces[..] {
            [] => None,
            pieces => Some(automaton(pieces)?),
        };
        link_literals(&mut steps);
        let start = steps.iter().find(|step| !matches!(step, Step::Keep(_)));
        let start = match start {
            Some(Step::Literal(text)) => Some(Finder::new(text).into_owned()),
            _ => None,
        };
        Some(Self {
            steps,
            start,
            pieces,
        })
    }

    pub fn scratch(&self) -> Scratch {
        let parts = self.steps.iter().filter_map(|step| match step {
            Step::Part(part) => Some(part.slots.end),
            _ => None,
        });
        Scratch {
            pieces: self.pieces.as_ref().map(DFA::create_cache),
            part: vec![None; parts.max().unwrap_or(0)],
        }
    }

    /// Finds the first match when it can be found so, and leaves its groups in `slots`.
    pub fn find(
        &self,
        text: &[u8],
        scratch: &mut Scratch,
        slots: &mut [Option<NonMaxUsize>],
    ) -> bool {
        let start = match &self.start {
            Some(start) => start.find(text),
            None => Some(0),
        };
        slots.fill(None);
        start.is_some_and(|at| self.go(text, at, scratch, slots).is_some())
    }

    /// Goes through the steps from a place; the end of the match.
    fn go(
        &self,
        text: &[u8],
        mut at: usize,
        scratch: &mut Scratch,
        slots: &mut [Option<NonMaxUsize>],
    ) -> Option<usize> {
        for step in &self.steps {
            at = match step {
                Step::Keep(slot) => {
                    slots[*slot] = NonMaxUsize::new(at);
                    at
                }
                Step::Literal(literal) => text[at..]
                    .starts_with(literal)
                    .then_some(at + literal.len())?,
                Step::Run(run) => run.end(text, at)?,
                Step::Look(look) => LookMatcher::new().matches(*look, text, at).then_some(at)?,
                Step::Piece(pattern) => {
                    let input = Input::new(text)
                        .range(at..)
                        .anchored(Anchored::Pattern(*pattern));
                    let (pieces, cache) = (self.pieces.as_ref()?, scratch.pieces.as_mut()?);
                    pieces.try_search_fwd(cache, &input).ok()??.offset()
                }
                Step::Part(part) => part.end(text, at, &mut scratch.part, slots)?,
            };
        }
        Some(at)
    }
}

impl Part {
    fn end(
        &self,
        text: &[u8],
        at: usize,
        own: &mut [Option<NonMaxUsize>],
        slots: &mut [Option<NonMaxUsize>],
    ) -> Option<usize> {
        let own = &mut own[..self.slots.end];
        let input = Input::new(text).range(at..).anchored(Anchored::Yes);
        self.regex.search_slots(&input, own)?;
        slots[self.slots.clone()].copy_from_slice(&own[self.slots.clone()]);
        own[1].map(NonMaxUsize::get)
    }
}

impl Run {
    /// Where the run ends that begins at a place.
    fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        if !self.is_greedy {
            return self.short_end(text, at);
        }
        let room = &text[at..];
        let room = &room[..room.len().min(self.max)];
        let length = room.iter().position(|byte| !self.is_in[usize::from(*byte)]);
        let (first, last) = (at + self.min, at + length.unwrap_or(room.len()));
        if first > last {
            return None;
        }
        match &self.then {
            Some(then) if !text[last..].starts_with(&then.text) => {
                // The last place within the run where the literal stands.
                let end = text.len().min(last + then.text.len());
                Some(first + then.last.rfind(&text[first..end])?)
            }
            _ => Some(last),
        }
    }

    /// As [`Run::end`], for a run that takes no more than it has to.
    fn short_end(&self, text: &[u8], at: usize) -> Option<usize> {
        let first = at + self.min;
        let end = match &self.then {
            Some(then) => first + then.first.find(text.get(first..)?)?,
            None => first,
        };
        let taken = text.get(at..end)?;
        let fits =
            taken.len() <= self.max && taken.iter().all(|byte| self.is_in[usize::from(*byte)]);
        fits.then_some(end)
    }
}

/// Tells each run which literal follows it.
fn link_literals(steps: &mut [Step]) {
    let mut next: Option<Box<[u8]>> = None;
    for step in steps.iter_mut().rev() {
        match step {
            Step::Keep(_) => {}
            Step::Literal(text) => next = Some(text.clone()),
            Step::Run(run) => run.then = next.take().map(|text| Literal::new(&text)),
            Step::Look(_) | Step::Piece(_) | Step::Part(_) => next = None,
        }
    }
}

/// One automaton for all pieces, whose states are made when they are first needed.
fn automaton(pieces: &[Hir]) -> Option<DFA> {
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .which_captures(thompson::WhichCaptures::None)
                .nfa_size_limit(Some(10 << 20)),
        )
        .build_many_from_hir(pieces)
        .ok()?;
    let config = DFA::config()
        .starts_for_each_pattern(true)
        .cache_capacity(CACHE_MAX)
        .minimum_cache_clear_count(Some(3))
        .minimum_bytes_per_state(Some(10));
    DFA::builder().configure(config).build_from_nfa(nfa).ok()
}

/// The steps while they are planned.
#[derive(Default)]
struct Planner {
    steps: Vec<Step>,
    pieces: Vec<Hir>,
}

impl Planner {
    fn add(&mut self, hir: &Hir) -> Option<()> {
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Capture(group) => {
                let slot = 2 * group.index as usize;
                self.steps.push(Step::Keep(slot));
                self.add(&group.sub)?;
                self.steps.push(Step::Keep(slot + 1));
            }
            HirKind::Concat(parts) => {
                for run in parts.chunk_by(|a, b| !has_groups(a) && !has_groups(b)) {
                    match run {
                        [one] if has_groups(one) => self.add(one)?,
                        without_groups => self.add_plain(without_groups)?,
                    }
                }
            }
            _ if has_groups(hir) => self.add_part(hir)?,
            _ => self.add_plain(std::slice::from_ref(hir))?,
        }
        Some(())
    }

    fn add_part(&mut self, hir: &Hir) -> Option<()> {
        let mut groups = Vec::new();
        list_groups(hir, &mut groups);
        let (first, last) = (*groups.iter().min()?, *groups.iter().max()?);
        let regex = meta::Builder::new().build_from_hir(hir).ok()?;
        self.steps.push(Step::Part(Box::new(Part {
            regex,
            slots: 2 * first..2 * (last + 1),
        })));
        Some(())
    }

    /// Parts without groups: the simple ones at the beginning become steps of their own, what follows
    /// is one piece, in which the automaton finds what is preferred as a whole.
    fn add_plain(&mut self, parts: &[Hir]) -> Option<()> {
        for (index, part) in parts.iter().enumerate() {
            match simple_step(part) {
                Some(step) => self.steps.push(step),
                None => {
                    let piece = self.piece(Hir::concat(parts[index..].to_vec()))?;
                    self.steps.push(Step::Piece(piece));
                    break;
                }
            }
        }
        Some(())
    }

    fn piece(&mut self, hir: Hir) -> Option<PatternID> {
        let known = self.pieces.iter().position(|it| *it == hir);
        let index = known.unwrap_or_else(|| {
            self.pieces.push(hir);
            self.pieces.len() - 1
        });
        PatternID::new(index).ok()
    }
}

/// The longest literal that stands in every match of an expression.
pub(super) fn longest_literal(hir: &Hir) -> Option<&[u8]> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(&literal.0),
        HirKind::Capture(group) => longest_literal(&group.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => longest_literal(&repetition.sub),
        HirKind::Concat(parts) => {
            let literals = parts.iter().filter_map(longest_literal);
            literals.max_by_key(|literal| literal.len())
        }
        _ => None,
    }
}

fn has_groups(hir: &Hir) -> bool {
    hir.properties().explicit_captures_len() > 0
}

/// The numbers of the groups in a part.
fn list_groups(hir: &Hir, groups: &mut Vec<usize>) {
    match hir.kind() {
        HirKind::Capture(group) => {
            groups.push(group.index as usize);
            list_groups(&group.sub, groups);
        }
        HirKind::Repetition(repetition) => list_groups(&repetition.sub, groups),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| list_groups(part, groups));
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
    }
}

/// The step of a part that needs no automaton.
fn simple_step(hir: &Hir) -> Option<Step> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(Step::Literal(literal.0.clone())),
        HirKind::Look(look) => ascii_look(*look).map(Step::Look),
        HirKind::Class(class) => run(class, 1, 1, true),
        HirKind::Repetition(repetition) => {
            let HirKind::Class(class) = repetition.sub.kind() else {
                return None;
            };
            let max = repetition.max.map_or(usize::MAX, |max| max as usize);
            run(class, repetition.min as usize, max, repetition.greedy)
        }
        _ => None,
    }
}

/// A run of characters of a class, when bytes can tell which belong to it and how many there are.
fn run(class: &Class, min: usize, max: usize, is_greedy: bool) -> Option<Step> {
    let mut is_in = [false; 256];
    let mut has_others = false;
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|it| (it.start().into(), it.end().into()))
            .collect(),
        Class::Bytes(class) => class
            .iter()
            .map(|it| (it.start().into(), it.end().into()))
            .collect(),
    };
    for (start, end) in ranges {
        for byte in start..=end.min(0x7f) {
            is_in[byte as usize] = true;
        }
        if end > 0x7f {
            // All others, or some of them: then one byte does not tell.
            if start > 0x80 || end != u32::from(char::MAX) {
                return None;
            }
            has_others = true;
        }
    }
    is_in[0x80..].fill(has_others);
    // Characters of several bytes are not counted: one at least is all that can be told.
    let counts = max != usize::MAX || min > 1 || (min == 1 && !is_greedy);
    (!has_others || !counts).then(|| {
        Step::Run(Box::new(Run {
            is_in,
            min,
            max,
            is_greedy,
            then: None,
        }))
    })
}

fn ascii_look(look: regex_syntax::hir::Look) -> Option<Look> {
    use regex_syntax::hir::Look as Hir;
    Some(match look {
        Hir::Start => Look::Start,
        Hir::End => Look::End,
        Hir::StartLF => Look::StartLF,
        Hir::EndLF => Look::EndLF,
        Hir::WordAscii => Look::WordAscii,
        Hir::WordAsciiNegate => Look::WordAsciiNegate,
        _ => return None,
    })
}
