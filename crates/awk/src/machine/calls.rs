//! Calls of functions, and loops over keys.

use super::Run;
use crate::Fault;
use crate::array::Array;
use crate::code::ArrayRef;
use crate::host::{Answer, Arguments};
use crate::meter::{Held, Text};
use crate::value::Value;

/// How deep calls may nest.
const CALLS_MAX: usize = 1000;
/// How many values and arrays the calls that are under way may have.
const VALUES_MAX: usize = 1_000_000;
const ARRAYS_MAX: usize = 100_000;

/// What a call needs to know of itself, and where it returns to.
#[derive(Clone, Copy, Default)]
pub(super) struct Frame {
    /// Where its variables begin on the stack.
    pub base: usize,
    /// Where its arrays are named.
    pub refs: usize,
    /// How many arrays and loops there were before it.
    arrays: usize,
    loops: usize,
    return_to: usize,
}

/// A loop over the keys that an array had when the loop began.
pub(super) struct KeyLoop {
    array: usize,
    keys: std::vec::IntoIter<Text>,
    _held: Held,
}

impl Run<'_> {
    /// Enters a function; returns where its code begins.
    pub(super) fn call(&mut self, call: u32, return_to: usize) -> Result<usize, Fault> {
        let code = self.code;
        let call = &code.calls[call as usize];
        let function = &code.functions[call.function as usize];
        let (name, scalars) = (&function.name, function.scalars);
        if self.frames.len() >= CALLS_MAX {
            return Err(Fault::new(format!(
                "calling {name:?} exceeded maximum call depth of {CALLS_MAX}"
            )));
        }
        let own_arrays = function.arrays - call.arrays.len();
        let values = self.stack.len() + call.unset as usize;
        if values > VALUES_MAX || self.arrays.len() + own_arrays > ARRAYS_MAX {
            return Err(Fault::new(format!(
                "calling {name:?} takes more variables than {VALUES_MAX}, or arrays than {ARRAYS_MAX}"
            )));
        }
        self.meter.step((call.unset as usize + own_arrays) as u64)?;
        self.stack.resize_with(values, Value::default);
        let frame = Frame {
            base: values - scalars,
            refs: self.array_refs.len(),
            arrays: self.arrays.len(),
            loops: self.loops.len(),
            return_to,
        };
        for array in &call.arrays {
            let index = self.array_index(*array) as u32;
            self.array_refs.push(index);
        }
        for _ in 0..own_arrays {
            self.array_refs.push(self.arrays.len() as u32);
            self.arrays.push(Array::new(self.meter));
        }
        self.frames.push(std::mem::replace(&mut self.frame, frame));
        Ok(function.start as usize)
    }

    /// Leaves a function with the value on the stack; says where to go on.
    pub(super) fn leave(&mut self) -> usize {
        let value = self.pop();
        let frame = self.frame;
        self.stack.truncate(frame.base);
        self.array_refs.truncate(frame.refs);
        self.arrays.truncate(frame.arrays);
        self.loops.truncate(frame.loops);
        self.frame = self.frames.pop().unwrap_or_default();
        self.push(value);
        frame.return_to
    }

    /// Leaves everything that is under way.
    pub(super) fn unwind(&mut self) {
        if let Some(first) = self.frames.first().copied() {
            self.frame = first;
            self.array_refs.clear();
            self.arrays.truncate(self.code.arrays.len());
            self.frames.clear();
        }
        self.stack.clear();
        self.loops.clear();
    }

    pub(super) fn host_call(&mut self, function: u32, count: usize) -> Result<(), Fault> {
        self.meter.step(100)?;
        let values = self.stack.split_off(self.stack.len() - count);
        for value in &values {
            self.weigh(value)?;
        }
        let mut arguments = Arguments {
            values: &values,
            number_format: &self.specials.convfmt,
            meter: self.meter,
            held: &mut self.held,
        };
        let answer = self.host.call(function as usize, &mut arguments)?;
        let value = match answer {
            Answer::Nothing => Value::Unset,
            Answer::Number(number) => Value::Number(number),
            Answer::Text(text) => Value::Text(self.text(text)?),
        };
        self.push(value);
        Ok(())
    }

    pub(super) fn begin_keys(&mut self, array: ArrayRef) -> Result<(), Fault> {
        let array = self.array_index(array);
        let count = self.arrays[array].len();
        self.meter.step(16 * count as u64)?;
        let mut held = Held::nothing(self.meter);
        held.add(32 * count + 64)?;
        self.loops.push(KeyLoop {
            array,
            keys: self.arrays[array].keys().into_iter(),
            _held: held,
        });
        Ok(())
    }

    /// The next key that is still there.
    pub(super) fn next_key(&mut self) -> Result<Option<Text>, Fault> {
        let Some(round) = self.loops.last_mut() else {
            return Ok(None);
        };
        for key in round.keys.by_ref() {
            self.meter.step(1)?;
            if self.arrays[round.array].contains(&key) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    pub(super) fn end_keys(&mut self) {
        self.loops.pop();
    }
}
