//! What messages hold of the buffer.

use std::ops::{AddAssign, SubAssign};

use millrace_message::{Message, MessageBatch};

/// What some messages hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    pub messages: usize,
    /// Bytes of their payloads.
    pub payload: usize,
    /// Roughly all bytes that they cost.
    pub memory: usize,
}

impl Held {
    pub fn of(batch: &MessageBatch) -> Self {
        let payload = batch.iter().map(|it| it.bytes().len()).sum();
        let metadata: usize = batch.iter().map(|it| it.metadata.size()).sum();
        Self {
            messages: batch.len(),
            payload,
            memory: payload + metadata + batch.len() * Message::OVERHEAD,
        }
    }
}

impl AddAssign for Held {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.payload += other.payload;
        self.memory += other.memory;
    }
}

impl SubAssign for Held {
    fn sub_assign(&mut self, other: Self) {
        self.messages -= other.messages;
        self.payload -= other.payload;
        self.memory -= other.memory;
    }
}
