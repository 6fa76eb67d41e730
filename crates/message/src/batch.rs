//! What moves between components: an ordered list of messages.

use std::ops::{Deref, DerefMut};

use smallvec::SmallVec;

use crate::{Error, Message, Origin, Outcome, Outcomes};

/// An ordered list of messages that moves as one; a single message is stored inline.
#[derive(Clone, Debug, Default)]
pub struct MessageBatch {
    messages: SmallVec<[Message; 1]>,
}

impl MessageBatch {
    /// A batch without messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// A batch of one message.
    pub fn one(message: Message) -> Self {
        Self {
            messages: SmallVec::from_buf([message]),
        }
    }

    /// Appends a message.
    pub fn push(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Moves every message of `other` to the end of this batch.
    pub fn append(&mut self, other: Self) {
        match self.messages.is_empty() {
            // Where they are is as good a place.
            true => *self = other,
            false => self.messages.extend(other.messages),
        }
    }

    /// Keeps the messages for which `keep` holds; the others are dropped, which fails what still
    /// has an origin.
    pub fn retain(&mut self, keep: impl FnMut(&mut Message) -> bool) {
        self.messages.retain(keep);
    }

    /// Keeps the messages for which `keep` holds; the others are returned, in order.
    pub fn partition(self, mut keep: impl FnMut(&Message) -> bool) -> (Self, Self) {
        let (kept, rest): (SmallVec<_>, SmallVec<_>) =
            self.messages.into_iter().partition(|message| keep(message));
        (Self { messages: kept }, Self { messages: rest })
    }

    /// The payload bytes held, for the byte budget.
    pub fn size(&self) -> usize {
        self.messages.iter().map(Message::size).sum()
    }

    /// Copies that no source waits for.
    #[must_use]
    pub fn detached(&self) -> Self {
        self.messages.iter().map(Message::detached).collect()
    }

    /// Takes the origins out, in order, leaving every message detached.
    #[must_use]
    pub fn take_origins(&mut self) -> SmallVec<[Origin; 1]> {
        self.messages.iter_mut().map(Message::take_origin).collect()
    }

    /// Gives every message a handle on the same origin, which settles when the last of them has. An
    /// origin that no message takes fails.
    pub fn share_origin(&mut self, origin: Origin) {
        let Some((last, others)) = self.messages.split_last_mut() else {
            return;
        };
        for message in others {
            message.set_origin(origin.clone());
        }
        last.set_origin(origin);
    }

    /// Settles every message by its index in `outcomes`.
    pub fn settle(mut self, outcomes: &Outcomes) {
        settle_all(self.take_origins(), outcomes);
    }

    /// Fails every message with the same error.
    pub fn fail(self, error: &Error) {
        self.settle(&Outcomes::failed(error.clone()));
    }
}

/// Settles origins by their index in `outcomes`.
pub fn settle_all(origins: impl IntoIterator<Item = Origin>, outcomes: &Outcomes) {
    for (index, origin) in origins.into_iter().enumerate() {
        match outcomes {
            Outcomes::All(Outcome::Delivered) => origin.deliver(),
            _ => origin.settle(outcomes.get(index)),
        }
    }
}

impl Deref for MessageBatch {
    type Target = [Message];

    fn deref(&self) -> &[Message] {
        &self.messages
    }
}

impl DerefMut for MessageBatch {
    fn deref_mut(&mut self) -> &mut [Message] {
        &mut self.messages
    }
}

impl FromIterator<Message> for MessageBatch {
    fn from_iter<I: IntoIterator<Item = Message>>(messages: I) -> Self {
        Self {
            messages: messages.into_iter().collect(),
        }
    }
}

impl Extend<Message> for MessageBatch {
    fn extend<I: IntoIterator<Item = Message>>(&mut self, messages: I) {
        self.messages.extend(messages);
    }
}

impl IntoIterator for MessageBatch {
    type Item = Message;
    type IntoIter = smallvec::IntoIter<[Message; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.into_iter()
    }
}

impl From<Message> for MessageBatch {
    fn from(message: Message) -> Self {
        Self::one(message)
    }
}
