//! What a run may take: steps, time and memory, and the texts and reservations that are counted.
//!
//! Everything a program can make grow is counted here while it is held: texts, entries of arrays,
//! fields, output. Counts go down when what they stand for is dropped.

use std::borrow::Borrow;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;
use std::time::{Duration, Instant};

use millrace_message::Halt;

use crate::Fault;

/// The bounds of one run.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many steps: an instruction is one; what walks over text or arrays takes more of them.
    pub steps: u64,
    /// How long, looked at now and then: what bounds searches that go over a text again and again.
    pub time: Duration,
    /// How much memory, in bytes: texts, arrays, fields and output together.
    pub bytes: usize,
    /// What ends it before, asked when the time is looked at.
    pub halt: Halt,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 1_000_000_000,
            time: Duration::from_secs(60),
            bytes: 256 << 20,
            halt: Halt::NEVER,
        }
    }
}

/// What a text takes beside its bytes.
const TEXT_SIZE: usize = 48;
/// How many steps there are between two readings of the clock.
const CLOCK_STEPS: u64 = 1 << 16;

pub(crate) struct Meter {
    limits: Limits,
    steps: Cell<u64>,
    /// At which count of steps the clock is read next.
    clock_at: Cell<u64>,
    started: Cell<Option<Instant>>,
    held: Cell<usize>,
}

impl Meter {
    pub fn new(limits: Limits) -> Rc<Self> {
        Rc::new(Self {
            limits,
            steps: Cell::new(0),
            clock_at: Cell::new(CLOCK_STEPS),
            started: Cell::new(None),
            held: Cell::new(0),
        })
    }

    /// A run begins: steps and time count from here. What is still held stays counted.
    pub fn restart(&self) {
        self.steps.set(0);
        self.clock_at.set(CLOCK_STEPS);
        self.started.set(None);
    }

    /// How many steps were taken.
    #[cfg(test)]
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Takes so many steps.
    ///
    /// # Errors
    /// The run has had its steps or its time.
    #[inline]
    pub fn step(&self, steps: u64) -> Result<(), Fault> {
        let now = self.steps.get().saturating_add(steps);
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
                "the program takes more than {most} steps"
            )));
        }
        let next = now.saturating_add(CLOCK_STEPS);
        self.clock_at.set(next.min(self.limits.steps + 1));
        self.check_time()
    }

    /// Reads the clock; the first reading is where the time begins.
    ///
    /// # Errors
    /// The run has had its time, or is given up.
    pub fn check_time(&self) -> Result<(), Fault> {
        if self.limits.halt.is_asked() {
            return Err(Fault::new(Halt::REASON));
        }
        let Some(started) = self.started.get() else {
            self.started.set(Some(Instant::now()));
            return Ok(());
        };
        if started.elapsed() > self.limits.time {
            let most = self.limits.time.as_secs();
            return Err(Fault::new(format!(
                "the program runs for more than {most} s"
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
                "the program holds more than {most} bytes of memory"
            )));
        }
        Ok(())
    }

    fn hold(&self, bytes: usize) -> Result<(), Fault> {
        self.room(bytes)?;
        self.held.set(self.held.get() + bytes);
        Ok(())
    }

    fn release(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }

    /// A text, counted until it is dropped.
    ///
    /// # Errors
    /// There is no room for it, or no steps to make it.
    pub fn text(self: &Rc<Self>, bytes: impl Into<Box<[u8]>> + AsRef<[u8]>) -> Result<Text, Fault> {
        let length = bytes.as_ref().len();
        if length == 0 {
            return Ok(Text(None));
        }
        self.step(length as u64 / 64)?;
        self.hold(length + TEXT_SIZE)?;
        Ok(Text(Some(Rc::new(Counted {
            bytes: bytes.into(),
            meter: Rc::clone(self),
        }))))
    }
}

/// Bytes of a program, counted and shared.
#[derive(Clone, Default)]
pub(crate) struct Text(Option<Rc<Counted>>);

struct Counted {
    bytes: Box<[u8]>,
    meter: Rc<Meter>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.release(self.bytes.len() + TEXT_SIZE);
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |it| &it.bytes)
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

/// Memory that is counted beside texts, until it is dropped.
pub(crate) struct Held {
    meter: Rc<Meter>,
    bytes: usize,
}

impl Held {
    pub fn nothing(meter: &Rc<Meter>) -> Self {
        Self {
            meter: Rc::clone(meter),
            bytes: 0,
        }
    }

    /// Counts more.
    ///
    /// # Errors
    /// There is no room.
    pub fn add(&mut self, bytes: usize) -> Result<(), Fault> {
        self.meter.hold(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    pub fn remove(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.meter.release(bytes);
        self.bytes -= bytes;
    }

    pub fn clear(&mut self) {
        self.remove(self.bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}
