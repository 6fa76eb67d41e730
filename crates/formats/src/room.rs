//! How much room is made for what a message claims to hold.

/// The elements that room may still be made for before they are read.
///
/// Containers nest, and each may claim as many elements as there are bytes left. An element takes a
/// byte at least, so all containers of an honest message together have no more elements than the
/// message has bytes: more room than for those is never made ahead, however deep claims nest.
#[derive(Clone, Debug)]
pub struct Room {
    left: usize,
}

impl Room {
    /// The room that a message can need.
    pub fn for_message(message: &[u8]) -> Self {
        Self {
            left: message.len(),
        }
    }

    /// For how many of `count` elements room is made. The others get theirs when they are read.
    pub fn take(&mut self, count: usize) -> usize {
        let taken = count.min(self.left);
        self.left -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_get_as_much_room_together_as_the_message_has_bytes() {
        let mut room = Room::for_message(&[0; 10]);
        let taken: Vec<_> = [4, 0, 5, usize::MAX, 1].map(|it| room.take(it)).into();
        assert_eq!(taken, [4, 0, 5, 1, 0]);
    }
}
