//! What is wrong with a mapping: all of it is counted, as much is told as is worth reading.

use crate::error::{ERRORS_MAX, SyntaxError};

#[derive(Default)]
pub(super) struct Complaints {
    told: Vec<SyntaxError>,
    count: usize,
}

impl Complaints {
    pub fn push(&mut self, error: SyntaxError) {
        self.count += 1;
        if !self.is_full() {
            self.told.push(error);
        }
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether a further one would not be told, so that its advice need not be looked for.
    pub fn is_full(&self) -> bool {
        self.told.len() >= ERRORS_MAX
    }

    pub fn into_told(self) -> Vec<SyntaxError> {
        self.told
    }
}
