//! What a response says of what it could not do.

use std::fmt;

pub use crate::generated::error_code::ErrorCode;

impl ErrorCode {
    /// The error of this number; `None` when Kafka 4.3.1 has none.
    pub fn from_number(number: i16) -> Option<Self> {
        // The numbers go from −1 without a gap.
        let index = usize::try_from(number.checked_add(1)?).ok()?;
        Self::ALL.get(index).copied()
    }

    /// The number on the wire.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// Whether it says that there was none.
    pub fn is_ok(self) -> bool {
        self == Self::None
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> Self {
        code.number()
    }
}

/// Kafka's name, such as `NOT_LEADER_OR_FOLLOWER`.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_found_by_its_number() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(*code));
        }
        assert_eq!(ErrorCode::from_number(-2), None);
        assert_eq!(ErrorCode::from_number(i16::MAX), None);
    }

    #[test]
    fn names_and_what_may_be_tried_again_are_kafkas() {
        let leader = ErrorCode::NotLeaderOrFollower;
        assert_eq!(
            (leader.number(), leader.name()),
            (6, "NOT_LEADER_OR_FOLLOWER")
        );
        assert!(leader.is_retriable());
        assert_eq!(ErrorCode::UnsupportedVersion.number(), 35);
        assert!(!ErrorCode::UnsupportedVersion.is_retriable());
        assert_eq!(ErrorCode::UnknownServerError.number(), -1);
        assert!(ErrorCode::None.is_ok());
    }
}
