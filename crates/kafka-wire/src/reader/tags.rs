//! Tagged fields.

use super::Reader;
use crate::error::{ReadError, ReadReason};

impl Reader {
    /// Goes through the tagged fields at the end of a struct. `known` reads the value of a tag that
    /// it knows and returns true; all others are skipped.
    pub(crate) fn tags(
        &mut self,
        owner: &'static str,
        mut known: impl FnMut(&mut Self, u32) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        for _ in 0..self.varint(owner)? {
            let tag = self.varint(owner)?;
            let size = self.varint(owner)? as usize;
            if size > self.left() {
                return Err(self.short(owner, size));
            }
            let (around, end) = (self.end, self.at + size);
            self.end = end;
            if known(self, tag)? && self.at != end {
                return Err(self.error(owner, ReadReason::Rest(end - self.at)));
            }
            (self.at, self.end) = (end, around);
        }
        Ok(())
    }

    /// The tagged fields of a struct that has none of its own.
    pub(crate) fn skip_tags(&mut self, owner: &'static str) -> Result<(), ReadError> {
        self.tags(owner, |_, _| Ok(false))
    }
}
