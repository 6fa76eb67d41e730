//! How many messages may be made of one payload.

use std::fmt;

/// What a message that is made of a part of a payload takes in memory beside its content, in bytes.
///
/// Measured over a million empty lines, at the peak, while `unarchive` makes them: 212 bytes for each.
pub const PART_COST: usize = 256;

/// The room for messages that are made of one payload. Each takes [`PART_COST`] beside what is made
/// for it, so that a payload of nothing but separators is bounded as one of long parts is.
#[derive(Debug)]
pub struct PartRoom {
    limit: usize,
    left: usize,
}

impl PartRoom {
    /// Room of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, left: limit }
    }

    /// Takes the room of one more message, for which so many bytes are made: none where its content
    /// is a slice of the payload.
    ///
    /// # Errors
    /// There is no more room.
    pub fn take(&mut self, made: usize) -> Result<(), TooManyParts> {
        let left = self.left.checked_sub(PART_COST.saturating_add(made));
        self.left = left.ok_or(TooManyParts { limit: self.limit })?;
        Ok(())
    }

    /// As [`PartRoom::take`], for so many messages for which nothing is made.
    ///
    /// # Errors
    /// As [`PartRoom::take`].
    pub fn take_all(&mut self, messages: usize) -> Result<(), TooManyParts> {
        let left = self.left.checked_sub(messages.saturating_mul(PART_COST));
        self.left = left.ok_or(TooManyParts { limit: self.limit })?;
        Ok(())
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.left
    }
}

/// The messages of a payload take more memory than they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyParts {
    limit: usize,
}

impl fmt::Display for TooManyParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        write!(
            f,
            "the messages that it is made of take more than {limit} bytes, {PART_COST} for each \
             beside its content"
        )
    }
}

impl std::error::Error for TooManyParts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_room_although_it_is_empty() {
        let mut room = PartRoom::new(2 * PART_COST + 10);
        assert_eq!(room.take(10), Ok(()));
        assert_eq!(room.take(0), Ok(()));
        assert_eq!(room.left(), 0);
        let error = room.take(0).expect_err("it is full").to_string();
        assert!(error.contains("more than 522 bytes"), "{error}");
        assert!(PartRoom::new(1000).take(usize::MAX).is_err());
        assert!(PartRoom::new(1000).take_all(usize::MAX).is_err());
        assert!(PartRoom::new(1024).take_all(4).is_ok());
    }
}
