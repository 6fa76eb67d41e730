//! What a run may take: steps, time and memory.
//!
//! Everything a template can make grow is counted while it is held: texts, lists, maps, output.
//! Counts go down when what they stand for is dropped.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use millrace_message::Halt;

use crate::Fault;

/// The bounds of one run.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many steps: an action or a call is one; what walks over texts or lists takes more.
    pub steps: u64,
    /// How long, looked at now and then.
    pub time: Duration,
    /// How much memory, in bytes: values that were made and output together.
    pub bytes: usize,
    /// How deep templates call each other.
    pub depth: usize,
    /// What ends it before, asked when the time is looked at.
    pub halt: Halt,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 100_000_000,
            time: Duration::from_secs(60),
            bytes: 256 << 20,
            depth: 1000,
            halt: Halt::NEVER,
        }
    }
}

/// How many steps there are between two readings of the clock: looking for a member of a large object
/// is one step, and takes long.
const CLOCK_STEPS: u64 = 1 << 10;

pub(crate) struct Meter {
    pub limits: Limits,
    /// Whether the template changes maps, which then are made of those of the message once.
    pub changes_maps: bool,
    steps: Cell<u64>,
    /// At which count of steps the clock is read next.
    clock_at: Cell<u64>,
    started: Cell<Option<Instant>>,
    held: Cell<usize>,
}

impl Meter {
    pub fn new(limits: Limits, changes_maps: bool) -> Rc<Self> {
        Rc::new(Self {
            changes_maps,
            steps: Cell::new(0),
            clock_at: Cell::new(CLOCK_STEPS.min(limits.steps.saturating_add(1))),
            limits,
            started: Cell::new(None),
            held: Cell::new(0),
        })
    }

    /// Takes so many steps.
    ///
    /// # Errors
    /// The run has had its steps or its time.
    #[inline]
    pub fn step(&self, steps: usize) -> Result<(), Fault> {
        let now = self.steps.get().saturating_add(steps as u64);
        self.steps.set(now);
        if now < self.clock_at.get() {
            return Ok(());
        }
        self.look(now)
    }

    #[cold]
    fn look(&self, now: u64) -> Result<(), Fault> {
        if now > self.limits.steps {
            let most = self.limits.steps;
            return Err(Fault::new(format!(
                "the template takes more than {most} steps"
            )));
        }
        let next = now.saturating_add(CLOCK_STEPS);
        self.clock_at.set(next.min(self.limits.steps + 1));
        if self.limits.halt.is_asked() {
            return Err(Fault::new(Halt::REASON));
        }
        let started = self.started.get().unwrap_or_else(Instant::now);
        self.started.set(Some(started));
        if started.elapsed() > self.limits.time {
            let most = self.limits.time.as_secs();
            return Err(Fault::new(format!(
                "the template runs for more than {most} s"
            )));
        }
        Ok(())
    }

    /// Refuses what there is no room for, before it is made.
    ///
    /// # Errors
    /// The memory of the run would be exceeded.
    pub fn room(&self, bytes: usize) -> Result<(), Fault> {
        if self.held.get().saturating_add(bytes) > self.limits.bytes {
            let most = self.limits.bytes;
            return Err(Fault::new(format!(
                "the template holds more than {most} bytes of memory"
            )));
        }
        Ok(())
    }

    /// Counts memory that is held from now on.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn hold(&self, bytes: usize) -> Result<(), Fault> {
        self.room(bytes)?;
        self.held.set(self.held.get() + bytes);
        Ok(())
    }

    /// Memory that is held no more.
    pub fn release(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }
}
