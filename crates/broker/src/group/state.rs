//! Where a group stands between two rebalances.

/// Where a group stands, by Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No members; perhaps offsets.
    Empty,
    /// Members are to join again.
    PreparingRebalance,
    /// The leader is to send the assignment.
    CompletingRebalance,
    /// Every member has its assignment, or may ask for it.
    Stable,
    /// What is said of a group that is not there.
    Dead,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
            State::Dead => "Dead",
        }
    }
}

/// The delay of the rebalance that begins in an empty group.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialDelay {
    /// The one that runs.
    pub delay_ms: i64,
    /// How much longer it may be made.
    pub remaining_ms: i64,
    /// A member came during the one that runs.
    pub has_grown: bool,
}
