//! Where a transactional id stands.

/// Where a transactional id stands, by Kafka's names and with the numbers of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its producer has begun nothing.
    Empty = 0,
    /// A transaction has partitions, or may get some.
    Ongoing = 1,
    /// It is committed; not all of its partitions know.
    PrepareCommit = 2,
    /// It is aborted; not all of its partitions know.
    PrepareAbort = 3,
    /// It is committed, and everybody knows.
    CompleteCommit = 4,
    /// It is aborted, and everybody knows.
    CompleteAbort = 5,
}

/// Kafka has names for two more states, which no record and no answer has: an id that is being
/// forgotten and one whose producer is being fenced do so within one call.
const MOMENTARY: [&str; 2] = ["Dead", "PrepareEpochFence"];

impl State {
    const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    pub fn is_name(name: &str) -> bool {
        Self::ALL.iter().any(|it| it.name() == name) || MOMENTARY.contains(&name)
    }

    pub fn from_number(number: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.number() == number)
    }

    pub fn number(self) -> i8 {
        self as i8
    }

    /// It is decided how the transaction ends, and its partitions are being told. Nothing else
    /// may be done meanwhile.
    pub fn is_ending(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }
}
