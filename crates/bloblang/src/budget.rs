//! What one evaluation may take: steps, which stand for time, and bytes, which stand for memory.
//!
//! A mapping is small and what it asks for need not be: a `fold` doubles a text with each element,
//! ranges within ranges multiply. So whatever repeats, and whatever makes much at once, pays before
//! it goes on; what a node of an expression does by itself is bounded by the text of the mapping,
//! and costs nothing here.
//!
//! - A step is one element that an expression is evaluated for, one call of a map, or
//!   [`STEP_BYTES`] bytes that a method looks through or makes.
//!   Regular expressions cost more, by their size, when they are compiled and when they search
//!   ([`Pattern`](crate::go::regex::Pattern)).
//! - Bytes are those of values that were made and may still be held: when the evaluation for one
//!   element or of one statement has ended, those that its result does not hold are given back
//!   ([`Mark::settle`]).
//! - Values are shared, so a container can hold another one a thousand times without taking room.
//!   It takes the room when it is written out: who does that asks [`unfold`] before.
//!
//! The account belongs to the thread while a mapping runs on it: methods that are prepared when a
//! mapping is compiled have no other way to it, and a mapping within a mapping (`bloblang`) pays
//! from the same account.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use millrace_message::{Segment, Value};

use crate::eval_error::EvalError;

/// How much one evaluation of a mapping, for one message, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Elements that expressions are evaluated for, calls of maps, and 256 bytes each of what
    /// methods look through or make.
    pub steps: u64,
    /// Bytes of the values that are made and held at a time, and of the result written out.
    pub bytes: u64,
}

impl Default for Allowance {
    /// A hundred million steps, which take ten seconds or more, and 1 GiB.
    fn default() -> Allowance {
        Allowance {
            steps: 100_000_000,
            bytes: 1 << 30,
        }
    }
}

impl Allowance {
    /// What evaluating the constant parts of a mapping may take while it is compiled; what takes
    /// more stays as it is written, and is evaluated when the mapping runs.
    pub(crate) const COMPILE: Allowance = Allowance {
        steps: 1_000_000,
        bytes: 16 << 20,
    };
}

/// An allowance that may change while mappings use it.
pub(crate) struct Limits {
    steps: AtomicU64,
    bytes: AtomicU64,
}

impl Default for Limits {
    fn default() -> Limits {
        let Allowance { steps, bytes } = Allowance::default();
        Limits {
            steps: AtomicU64::new(steps),
            bytes: AtomicU64::new(bytes),
        }
    }
}

impl Limits {
    #[inline]
    pub fn get(&self) -> Allowance {
        Allowance {
            steps: self.steps.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    pub fn set(&self, allowance: Allowance) {
        self.steps.store(allowance.steps, Ordering::Relaxed);
        self.bytes.store(allowance.bytes, Ordering::Relaxed);
    }
}

/// Bytes that count as one step.
const STEP_BYTES: usize = 256;
/// Bytes that count as one step where containers are compared: member by member, not byte by byte.
const STEP_COMPARED: usize = 8;
/// Smaller values are not counted where they are made, only where many of them are held.
const SMALL: usize = 1024;
/// So many shared containers can not make a result that is far larger than its parts: each makes
/// it twice as large at most.
const SHARES_FREE: u32 = 4;
/// Less is not given back when an element or a statement is done.
const SETTLED_MIN: u64 = 4096;
/// What a set of arguments costs that is prepared for one call: a pattern is compiled.
const PREPARED: usize = 100;

struct Account {
    is_open: Cell<bool>,
    allowance: Cell<Allowance>,
    steps: Cell<u64>,
    bytes: Cell<u64>,
    shares: Cell<u32>,
    /// Whether more steps were asked for than there were.
    is_exhausted: Cell<bool>,
}

/// Where no mapping runs, nothing is bounded.
const UNBOUNDED: Allowance = Allowance {
    steps: u64::MAX,
    bytes: u64::MAX,
};

thread_local! {
    static ACCOUNT: Account = const {
        Account {
            is_open: Cell::new(false),
            allowance: Cell::new(UNBOUNDED),
            steps: Cell::new(u64::MAX),
            bytes: Cell::new(u64::MAX),
            shares: Cell::new(0),
            is_exhausted: Cell::new(false),
        }
    };
}

/// An evaluation that pays from the account, until it is dropped.
#[must_use]
pub(crate) struct Open {
    /// Whether the evaluation is within another one, whose account it uses.
    is_inner: bool,
}

/// Opens the account for an evaluation; one within another goes on with that one's.
#[inline]
pub(crate) fn open(allowance: Allowance) -> Open {
    ACCOUNT.with(|account| {
        let is_inner = account.is_open.replace(true);
        if !is_inner {
            account.set(allowance);
        }
        Open { is_inner }
    })
}

impl Drop for Open {
    #[inline]
    fn drop(&mut self) {
        if !self.is_inner {
            ACCOUNT.with(|account| {
                account.is_open.set(false);
                account.set(UNBOUNDED);
            });
        }
    }
}

impl Account {
    #[inline]
    fn set(&self, allowance: Allowance) {
        self.allowance.set(allowance);
        self.steps.set(allowance.steps);
        self.bytes.set(allowance.bytes);
        self.shares.set(0);
        self.is_exhausted.set(false);
    }
}

/// Pays for steps. Once they are used up, every further one fails, and with them the mapping,
/// whatever its `.catch` made of it ([`within_steps`]).
#[inline]
pub(crate) fn steps(count: usize) -> Result<(), EvalError> {
    ACCOUNT.with(
        |account| match account.steps.get().checked_sub(count as u64) {
            Some(left) => {
                account.steps.set(left);
                Ok(())
            }
            None => {
                account.steps.set(0);
                account.is_exhausted.set(true);
                Err(EvalError::too_many_steps(account.allowance.get().steps))
            }
        },
    )
}

/// Makes sure that no step failed: a result that lacks some of them is none.
#[inline]
pub(crate) fn within_steps() -> Result<(), EvalError> {
    match ACCOUNT.with(|account| account.is_exhausted.get()) {
        true => steps(usize::MAX),
        false => Ok(()),
    }
}

/// Pays for bytes that are about to be held.
#[inline]
pub(crate) fn bytes(count: usize) -> Result<(), EvalError> {
    ACCOUNT.with(
        |account| match account.bytes.get().checked_sub(count as u64) {
            Some(left) => {
                account.bytes.set(left);
                Ok(())
            }
            None => Err(EvalError::too_many_bytes(account.allowance.get().bytes)),
        },
    )
}

/// Pays for a value before it is made: for the time, and for the memory.
pub(crate) fn make(count: usize) -> Result<(), EvalError> {
    steps(count / STEP_BYTES)?;
    bytes(count)
}

/// As [`make`], for a text that is not counted when it is small.
#[inline]
pub(crate) fn make_text(length: usize) -> Result<(), EvalError> {
    match length {
        0..SMALL => Ok(()),
        length => make(length),
    }
}

/// Pays for one step of an iteration.
#[inline]
pub(crate) fn step() -> Result<Mark, EvalError> {
    steps(1)?;
    Ok(mark())
}

/// How many bytes may still be made.
pub(crate) fn left() -> usize {
    usize::try_from(mark().0).unwrap_or(usize::MAX)
}

/// Makes sure that a value can be made before it is; it is paid for when it is there.
pub(crate) fn afford(count: usize) -> Result<(), EvalError> {
    match left() < count {
        true => Err(too_many_bytes()),
        false => Ok(()),
    }
}

/// More was about to be made than may be.
#[cold]
pub(crate) fn too_many_bytes() -> EvalError {
    EvalError::too_many_bytes(ACCOUNT.with(|account| account.allowance.get().bytes))
}

/// Pays for time that looking through so many bytes takes.
pub(crate) fn look_through(count: usize) -> Result<(), EvalError> {
    steps(count / STEP_BYTES)
}

/// Pays for comparing two values: at most for the whole of the smaller one, with each of its parts as
/// often as it is held.
#[inline]
pub(crate) fn compare(a: &Value, b: &Value) -> Result<(), EvalError> {
    match a.is_light() || b.is_light() {
        true => Ok(()),
        false => compare_heavy(a, b),
    }
}

#[inline(never)]
fn compare_heavy(a: &Value, b: &Value) -> Result<(), EvalError> {
    let is_container = |it: &Value| matches!(it, Value::Array(_) | Value::Object(_));
    if !(is_container(a) && is_container(b)) {
        return look_through(a.weight().min(b.weight()));
    }
    let left = ACCOUNT.with(|account| account.steps.get());
    let limit = usize::try_from(left).unwrap_or(usize::MAX);
    let limit = limit.saturating_mul(STEP_COMPARED);
    let lengths = [a, b].into_iter().filter_map(|it| it.unfolded(limit));
    match lengths.min() {
        Some(length) => steps(length / STEP_COMPARED),
        None => steps(usize::MAX),
    }
}

/// Pays for a value that was made. What a container holds may come from elsewhere.
#[inline]
pub(crate) fn made(value: &Value) -> Result<(), EvalError> {
    match value.is_light() {
        true => Ok(()),
        false => made_heavy(value),
    }
}

#[inline(never)]
fn made_heavy(value: &Value) -> Result<(), EvalError> {
    if value.is_built() {
        share(1);
    }
    let weight = match value {
        // The document that it is a part of was there before, or was paid for by who parsed it.
        Value::Array(_) | Value::Object(_) => value.copied(),
        _ => value.weight(),
    };
    match weight {
        0..SMALL => Ok(()),
        weight => make(weight),
    }
}

/// Pays for looking through the value that a method is called on.
#[inline]
pub(crate) fn operand(value: &Value) -> Result<(), EvalError> {
    match value.is_light() {
        true => Ok(()),
        false => operand_heavy(value),
    }
}

#[inline(never)]
fn operand_heavy(value: &Value) -> Result<(), EvalError> {
    match value.weight() {
        0..SMALL => Ok(()),
        weight => look_through(weight),
    }
}

/// Pays for a value that a container is going to hold; a large one was paid for when it was made,
/// and may be held elsewhere as well.
#[inline]
pub(crate) fn held(value: &Value) -> Result<(), EvalError> {
    let weight = match value.is_light() {
        true => 0,
        false => held_heavy(value),
    };
    bytes(size_of::<Value>() + weight)
}

#[inline(never)]
fn held_heavy(value: &Value) -> usize {
    let weight = value.weight();
    if value.is_built() || weight >= SMALL {
        share(1);
    }
    if weight < SMALL { weight } else { 0 }
}

/// Pays for reading a path, before it is read: each wildcard leads through a whole array.
#[inline]
pub(crate) fn path(value: &Value, path: &[Segment]) -> Result<(), EvalError> {
    match path.iter().any(Segment::is_wildcard) {
        true => spread(value, path),
        false => Ok(()),
    }
}

#[inline(never)]
fn spread(value: &Value, path: &[Segment]) -> Result<(), EvalError> {
    let elements = left() / size_of::<Value>();
    let time = ACCOUNT.with(|account| account.steps.get());
    let limit = elements.min(usize::try_from(time).unwrap_or(usize::MAX));
    match value.spread(path, limit) {
        Some(count) => {
            steps(count)?;
            bytes(count * size_of::<Value>())
        }
        None if limit < elements => steps(usize::MAX),
        None => {
            steps(limit)?;
            Err(too_many_bytes())
        }
    }
}

/// Pays for a value that was read out of a document: a text with escapes is decoded each time.
#[inline]
pub(crate) fn read(value: &Value) -> Result<(), EvalError> {
    make_text(decoded(value))
}

/// Pays for the time that reading the next element took.
#[inline]
pub(crate) fn element(value: &Value) -> Result<(), EvalError> {
    look_through(decoded(value))
}

/// How long a value is that may have been decoded; 0 for one that has not.
#[inline]
fn decoded(value: &Value) -> usize {
    match value {
        Value::String(text) if text.is_allocated() => text.len(),
        _ => 0,
    }
}

/// Pays for arguments that are prepared for one call.
pub(crate) fn prepared() -> Result<(), EvalError> {
    steps(PREPARED)
}

/// Does what takes no steps: what is prepared once, when a mapping is compiled, is bounded by the
/// text of the mapping.
pub(crate) fn without_steps<T>(run: impl FnOnce() -> T) -> T {
    let left = ACCOUNT.with(|account| account.steps.replace(u64::MAX));
    let result = run();
    ACCOUNT.with(|account| account.steps.set(left));
    result
}

/// Notes that a value is held once more: an array or object, or a large text.
#[inline]
pub(crate) fn shared(value: &Value) {
    if !value.is_light() {
        shared_heavy(value);
    }
}

#[inline(never)]
fn shared_heavy(value: &Value) {
    if value.is_built() || value.weight() >= SMALL {
        share(1);
    }
}

/// Notes that values are held so many more times that the result may grow by this power of two.
pub(crate) fn share(doublings: u32) {
    ACCOUNT.with(|account| {
        let shares = account.shares.get().saturating_add(doublings);
        account.shares.set(shares);
    });
}

/// Makes sure that a value can be written out: its parts may be held many times in it.
#[inline]
pub(crate) fn unfold(value: &Value) -> Result<(), EvalError> {
    if !value.is_built() || ACCOUNT.with(|account| account.shares.get() <= SHARES_FREE) {
        return Ok(());
    }
    let left = ACCOUNT.with(|account| account.bytes.get());
    match value.unfolded(usize::try_from(left).unwrap_or(usize::MAX)) {
        Some(length) => look_through(length),
        None => Err(EvalError::too_many_bytes(ACCOUNT.with(|account| {
            // Looking this far took its time.
            let steps = account.steps.get();
            let taken = left.min(account.allowance.get().bytes) / STEP_BYTES as u64;
            account.steps.set(steps.saturating_sub(taken));
            account.allowance.get().bytes
        }))),
    }
}

/// How much was left of the bytes at a moment.
#[derive(Clone, Copy)]
pub(crate) struct Mark(u64);

/// The account before something is evaluated.
#[inline]
pub(crate) fn mark() -> Mark {
    Mark(ACCOUNT.with(|account| account.bytes.get()))
}

impl Mark {
    /// Gives back what was paid since then for values that are no longer held: all but `result`.
    #[inline]
    pub fn settle<'v>(self, result: impl FnOnce() -> Option<&'v Value>) {
        let paid = self.paid();
        if paid > SETTLED_MIN {
            self.give_back(paid, result());
        }
    }

    #[cold]
    fn give_back(self, paid: u64, result: Option<&Value>) {
        let limit = usize::try_from(paid).unwrap_or(usize::MAX);
        let held = match result {
            Some(value) => value.footprint(limit).unwrap_or(limit),
            None => 0,
        };
        ACCOUNT.with(|account| account.bytes.set(self.0 - held as u64));
    }

    /// How much was paid since then.
    #[inline]
    pub fn paid(self) -> u64 {
        self.0.saturating_sub(mark().0)
    }
}

/// The account of a value that is replaced again and again, as the tally of `fold`: it is settled
/// as often as it has grown by as much as it was, so that this takes no more time than growing.
pub(crate) struct Tally {
    start: Mark,
    due: u64,
}

impl Tally {
    const DUE_MIN: u64 = 64 << 10;

    pub fn new() -> Tally {
        Tally {
            start: mark(),
            due: Tally::DUE_MIN,
        }
    }

    /// The value was replaced by this one.
    #[inline]
    pub fn replaced(&mut self, value: &Value) {
        if self.start.paid() > self.due {
            self.start.settle(|| Some(value));
            self.due = (2 * self.start.paid()).max(Tally::DUE_MIN);
        }
    }
}

/// The size of a list or text that is made piece by piece, and may become large: it is looked at
/// now and then whether there is room for it. It is paid for when it is there.
#[derive(Default)]
pub(crate) struct Growth {
    checked: usize,
}

impl Growth {
    /// So many elements are about to be added.
    #[inline]
    pub fn grow<T>(&mut self, list: &[T], more: usize) -> Result<(), EvalError> {
        let size = list
            .len()
            .saturating_add(more)
            .saturating_mul(size_of::<T>());
        if size <= self.checked.max(SMALL) {
            return Ok(());
        }
        self.check(size)
    }

    /// Looks for a half more than is needed: that is how vectors grow.
    #[cold]
    fn check(&mut self, size: usize) -> Result<(), EvalError> {
        self.checked = size.saturating_add(size / 2);
        afford(self.checked)
    }
}

/// Room that is taken for a while: given back when it is dropped.
pub(crate) struct Loan(u64);

/// Pays for bytes that are only held until the loan is dropped.
pub(crate) fn lend(count: usize) -> Result<Loan, EvalError> {
    bytes(count)?;
    Ok(Loan(count as u64))
}

impl Drop for Loan {
    fn drop(&mut self) {
        ACCOUNT.with(|account| {
            let left = account.bytes.get().saturating_add(self.0);
            account.bytes.set(left.min(account.allowance.get().bytes));
        });
    }
}
