//! Memory of what comes in without saying how large it will be.

use millrace_component::{Budget, Charge};

/// What is smaller is not charged.
const UNCHARGED_BYTES: usize = 64 * 1024;

/// What one body or message has taken from the budget so far; it is given back with this.
pub(crate) struct GrowingCharge {
    budget: Budget,
    /// No body or message is larger.
    largest: usize,
    charged: usize,
    charges: Vec<Charge>,
}

impl GrowingCharge {
    pub(crate) fn new(budget: Budget, largest: usize) -> Self {
        Self {
            budget,
            largest,
            charged: UNCHARGED_BYTES,
            charges: Vec::new(),
        }
    }

    /// Charges all of a size that was announced, waiting for room.
    pub(crate) async fn announce(&mut self, size: usize) {
        if size > self.charged {
            self.charges.push(self.budget.charge(size).await);
            self.charged = size;
        }
    }

    /// Charges what has come, and as much again, so that it is seldom asked for. It does not wait
    /// while it holds some, or two could wait for each other; false when there is no room.
    #[must_use]
    pub(crate) fn grow_to(&mut self, size: usize) -> bool {
        if size <= self.charged {
            return true;
        }
        let wanted = (self.charged * 2).max(size).min(self.largest.max(size));
        let charge = self.budget.try_charge(wanted - self.charged);
        let has_room = charge.is_some();
        if has_room {
            self.charges.extend(charge);
            self.charged = wanted;
        }
        has_room
    }

    /// Gives everything back, for the next message.
    pub(crate) fn clear(&mut self) {
        self.charges.clear();
        self.charged = UNCHARGED_BYTES;
    }
}
