//! Functions that the host lends to programs.

use std::borrow::Cow;
use std::rc::Rc;

use crate::meter::{Held, Meter};
use crate::value::Value;
use crate::{Fault, number};

/// A function of the host, as programs see it.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// What programs call it.
    pub name: &'static str,
    /// How many arguments it takes at most; those that a call leaves out are empty.
    pub arguments_max: usize,
}

/// Who carries out the functions that were named when the program was compiled.
pub trait Host {
    /// Calls the function at this place of the list.
    ///
    /// # Errors
    /// Why the program has to end.
    fn call(&mut self, function: usize, arguments: &mut Arguments<'_>) -> Result<Answer, Fault>;
}

/// A host without functions.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn call(&mut self, _: usize, _: &mut Arguments<'_>) -> Result<Answer, Fault> {
        Ok(Answer::Nothing)
    }
}

/// What a function gives back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The empty string and zero.
    Nothing,
    /// A number.
    Number(f64),
    /// A string.
    Text(Vec<u8>),
}

/// The arguments of a call, and the bounds of the run for what the host does.
pub struct Arguments<'a> {
    pub(crate) values: &'a [Value],
    pub(crate) number_format: &'a str,
    pub(crate) meter: &'a Rc<Meter>,
    pub(crate) held: &'a mut Held,
}

impl Arguments<'_> {
    /// How many were given.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// An argument as a text.
    pub fn bytes(&self, position: usize) -> Cow<'_, [u8]> {
        match self.values.get(position) {
            Some(value) => value.bytes(self.number_format),
            None => Cow::Borrowed(b""),
        }
    }

    /// An argument as text in UTF-8; what is none is replaced by U+FFFD.
    pub fn text(&self, position: usize) -> String {
        String::from_utf8_lossy(&self.bytes(position)).into_owned()
    }

    /// An argument as a number.
    pub fn number(&self, position: usize) -> f64 {
        self.values.get(position).map_or(0.0, Value::number)
    }

    /// An argument as an integer: cut off, and the smallest one when it does not fit.
    pub fn integer(&self, position: usize) -> i64 {
        number::integer(self.number(position))
    }

    /// Whether an argument is true.
    pub fn is_true(&self, position: usize) -> bool {
        self.values.get(position).is_some_and(Value::is_true)
    }

    /// Takes steps for work that the host does.
    ///
    /// # Errors
    /// The run has had its steps or its time.
    pub fn step(&self, steps: u64) -> Result<(), Fault> {
        self.meter.step(steps)
    }

    /// Counts memory that the host keeps up to the end of the run.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn hold(&mut self, bytes: usize) -> Result<(), Fault> {
        self.held.add(bytes)
    }
}
