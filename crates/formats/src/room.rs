//! How much room is made for what a message claims to hold, and for what it holds.

use std::fmt;

use millrace_message::Value;

/// What one value takes in memory beside its text and its elements, in bytes.
const VALUE: usize = size_of::<Value>();
/// What an array or object takes beside that, with what an allocator adds.
const CONTAINER: usize = 80;

/// How the text of [`NoRoom`] begins.
pub(crate) const NO_ROOM: &str = "its value takes";

/// The room for the value of one message.
///
/// Containers nest, and each may claim as many elements as there are bytes left. An element takes a
/// byte at least, so all containers of an honest message together have no more elements than the
/// message has bytes: more room than for those is never made ahead, however deep claims nest.
///
/// A value may still take a hundred times the bytes that it is read from: each is counted when it is
/// read.
#[derive(Clone, Debug)]
pub struct Room {
    elements: usize,
    memory: usize,
    memory_max: usize,
}

impl Room {
    /// The room that a message can need, of which `memory` bytes may be used.
    pub fn for_message(message: &[u8], memory: usize) -> Self {
        Self {
            elements: message.len(),
            memory,
            memory_max: memory,
        }
    }

    /// For how many of `count` elements room is made. The others get theirs when they are read.
    pub fn take(&mut self, count: usize) -> usize {
        let affordable = self.memory / VALUE;
        let taken = count.min(self.elements).min(affordable);
        self.elements -= taken;
        taken
    }

    /// Counts so many values, or keys of values.
    ///
    /// # Errors
    /// There is no room for them.
    pub fn values(&mut self, count: usize) -> Result<(), NoRoom> {
        self.bytes(count.saturating_mul(VALUE))
    }

    /// Counts what an array or object takes beside its elements.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn container(&mut self) -> Result<(), NoRoom> {
        self.bytes(CONTAINER)
    }

    /// Counts the bytes of a text.
    ///
    /// # Errors
    /// There is no room for them.
    pub fn bytes(&mut self, count: usize) -> Result<(), NoRoom> {
        let left = self.memory.checked_sub(count);
        self.memory = left.ok_or(NoRoom(self.memory_max))?;
        Ok(())
    }
}

/// A value takes more memory than this many bytes, which it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom(pub usize);

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.0;
        write!(
            f,
            "{NO_ROOM} more than {limit} bytes of memory, the `memory_limit`"
        )
    }
}

impl std::error::Error for NoRoom {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_get_as_much_room_together_as_the_message_has_bytes() {
        let mut room = Room::for_message(&[0; 10], usize::MAX);
        let taken: Vec<_> = [4, 0, 5, usize::MAX, 1].map(|it| room.take(it)).into();
        assert_eq!(taken, [4, 0, 5, 1, 0]);
    }

    #[test]
    fn values_are_counted_up_to_the_limit() {
        let mut room = Room::for_message(&[0; 10], 3 * VALUE + CONTAINER + 5);
        assert_eq!(room.take(10), 3 + (CONTAINER + 5) / VALUE);
        assert_eq!(room.container(), Ok(()));
        for _ in 0..3 {
            assert_eq!(room.values(1), Ok(()));
        }
        let full = Err(NoRoom(3 * VALUE + CONTAINER + 5));
        assert_eq!(room.values(1), full);
        assert_eq!(room.bytes(5), Ok(()));
        assert_eq!(room.bytes(1), full);
    }
}
