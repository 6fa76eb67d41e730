//! Strings: bytes, as in Go, which need not be UTF-8.

use std::borrow::Cow;
use std::rc::Rc;

use millrace_message::Text;

use crate::Fault;
use crate::meter::Meter;

/// What a text takes beside its bytes.
const TEXT_SIZE: usize = 64;

/// A string.
#[derive(Clone)]
pub(crate) enum Str {
    /// Of the message or of the template.
    Text(Text),
    /// Made by the run, and counted until it is dropped.
    Made(Rc<Made>),
}

pub(crate) struct Made {
    bytes: Vec<u8>,
    meter: Rc<Meter>,
}

impl Drop for Made {
    fn drop(&mut self) {
        self.meter.release(self.bytes.capacity() + TEXT_SIZE);
    }
}

impl Str {
    /// # Errors
    /// There is no room for it, or no steps to make it.
    pub fn made(bytes: Vec<u8>, meter: &Rc<Meter>) -> Result<Self, Fault> {
        meter.step(bytes.len() / 64)?;
        meter.hold(bytes.capacity() + TEXT_SIZE)?;
        let meter = Rc::clone(meter);
        Ok(Self::Made(Rc::new(Made { bytes, meter })))
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Made(made) => &made.bytes,
        }
    }

    /// The text; what is no UTF-8 is replaced by U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Made(made) => String::from_utf8_lossy(&made.bytes),
        }
    }

    /// The same as a text of the message.
    pub fn to_text(&self) -> Text {
        match self {
            Self::Text(text) => text.clone(),
            Self::Made(_) => Text::from(self.text().as_ref()),
        }
    }

    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
