//! What one run of a program may take.

use std::cell::Cell;
use std::time::{Duration, Instant};

use millrace_message::{Array, Halt, Object};

use crate::error::{Fail, Limit};

/// The bounds of one run.
///
/// Together they bound time and memory: whatever is built is charged before it is built, and what
/// waits to be continued is counted as long as it waits. Steps give the same end on every machine;
/// the clock is there for the few that take long, as in large objects and regular expressions.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many steps the evaluation may take. Each operation is one, and each value that an
    /// operation walks over.
    pub steps: u64,
    /// How many bytes the run may build: texts, arrays and objects summed up over the whole run, and
    /// what waits to be continued (calls, alternatives, variables) as long as it does.
    pub bytes: usize,
    /// How long the run may take, looked at now and then.
    pub time: Duration,
    /// What ends it before, asked when the time is looked at.
    pub halt: Halt,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 20_000_000,
            bytes: 256 << 20,
            time: Duration::from_secs(60),
            halt: Halt::NEVER,
        }
    }
}

/// How deep values may nest: as deep as a payload.
pub(crate) const DEPTH_MAX: usize = millrace_message::json::DEPTH_MAX;
/// Bytes that are walked over in the time of one step.
const BYTES_PER_STEP: usize = 256;
/// What a value takes in an array.
const VALUE_SIZE: usize = 24;
/// How many steps there are between two readings of the clock.
const CLOCK_STEPS: u64 = 1 << 12;

/// What is left of the limits.
pub(crate) struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    /// At which count of steps the clock is read next.
    clock_at: Cell<u64>,
    /// When it was read first.
    began: Cell<Option<Instant>>,
    built: Cell<usize>,
    waiting: Cell<usize>,
}

impl Budget {
    pub fn new(limits: Limits) -> Self {
        Self {
            steps: Cell::new(0),
            clock_at: Cell::new(CLOCK_STEPS.min(limits.steps)),
            limits,
            began: Cell::new(None),
            built: Cell::new(0),
            waiting: Cell::new(0),
        }
    }

    /// Charges one step.
    #[inline]
    pub fn step(&self) -> Result<(), Fail> {
        self.steps(1)
    }

    /// Charges steps.
    #[inline]
    pub fn steps(&self, count: usize) -> Result<(), Fail> {
        let taken = self.steps.get().saturating_add(count as u64);
        self.steps.set(taken);
        match taken > self.clock_at.get() {
            true => self.look(taken),
            false => Ok(()),
        }
    }

    #[cold]
    fn look(&self, taken: u64) -> Result<(), Fail> {
        if taken > self.limits.steps {
            return Err(Fail::Limit(Limit::Steps(self.limits.steps)));
        }
        let next = taken.saturating_add(CLOCK_STEPS);
        self.clock_at.set(next.min(self.limits.steps));
        self.check_time()
    }

    /// Reads the clock; the first reading is where the time begins.
    pub fn check_time(&self) -> Result<(), Fail> {
        if self.limits.halt.is_asked() {
            return Err(Fail::Limit(Limit::GivenUp));
        }
        match self.began.get() {
            None => self.began.set(Some(Instant::now())),
            Some(began) if began.elapsed() > self.limits.time => {
                return Err(Fail::Limit(Limit::Time(self.limits.time)));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Charges a walk over so many bytes that builds nothing.
    pub fn walk(&self, bytes: usize) -> Result<(), Fail> {
        self.steps(bytes / BYTES_PER_STEP)
    }

    /// Charges bytes that are about to be built.
    #[inline]
    pub fn build(&self, bytes: usize) -> Result<(), Fail> {
        self.walk(bytes)?;
        self.built.set(self.built.get().saturating_add(bytes));
        self.check()
    }

    /// Charges room for so many values.
    #[inline]
    pub fn values(&self, count: usize) -> Result<(), Fail> {
        self.steps(count / 8)?;
        self.build(count.saturating_mul(VALUE_SIZE))
    }

    /// Charges room for so many members of an object.
    pub fn members(&self, count: usize) -> Result<(), Fail> {
        self.values(count.saturating_mul(2))
    }

    /// Charges the copy that writing to an array makes.
    pub fn own_array(&self, array: &Array) -> Result<(), Fail> {
        match array.is_shared() {
            true => self.values(array.len()),
            false => Ok(()),
        }
    }

    /// Charges the insertion of members into an object: those behind each of them are moved.
    pub fn insert(&self, object: &Object, count: usize) -> Result<(), Fail> {
        self.steps(count.saturating_mul(object.len() / 256))?;
        self.members(count)
    }

    /// Charges the copy that writing to an object makes.
    pub fn own_object(&self, object: &Object) -> Result<(), Fail> {
        match object.is_shared() {
            true => self.members(object.len()),
            false => Ok(()),
        }
    }

    #[inline]
    fn check(&self) -> Result<(), Fail> {
        let taken = self.built.get().saturating_add(self.waiting.get());
        match taken > self.limits.bytes {
            true => Err(Fail::Limit(Limit::Bytes(self.limits.bytes))),
            false => Ok(()),
        }
    }

    /// Counts something that waits, until the guard is dropped.
    #[inline]
    pub fn wait(&self, bytes: usize) -> Result<Waiting<'_>, Fail> {
        let waiting = Waiting {
            budget: self,
            bytes,
        };
        self.waiting.set(self.waiting.get().saturating_add(bytes));
        self.check()?;
        Ok(waiting)
    }
}

/// Bytes that are counted as long as this lives.
pub(crate) struct Waiting<'b> {
    budget: &'b Budget,
    bytes: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waiting = &self.budget.waiting;
        waiting.set(waiting.get().saturating_sub(self.bytes));
    }
}

/// Runs one level of a walk over a value.
///
/// # Errors
/// The value nests deeper than values may.
pub(crate) fn level<T>(
    depth: usize,
    walk: impl FnOnce(usize) -> Result<T, Fail>,
) -> Result<T, Fail> {
    if depth >= DEPTH_MAX {
        return Err(Fail::Limit(Limit::Depth(DEPTH_MAX)));
    }
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || walk(depth + 1))
}
