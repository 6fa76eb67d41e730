//! What is wrong with a message, and where.

use std::fmt;

/// A message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(Box<ReadDetail>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ReadDetail {
    message: &'static str,
    version: i16,
    field: &'static str,
    position: usize,
    reason: ReadReason,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadReason {
    /// The codec does not know the message in this version.
    Version { first: i16, last: i16 },
    /// The frame, or the tagged field around it, ends before.
    Short { needed: usize, left: usize },
    /// It is null where that is not allowed.
    Null,
    /// A length or count below none.
    Negative(i64),
    /// A string that is longer than the protocol allows.
    Long(usize),
    /// Text that is not UTF-8.
    NoText,
    /// An integer of variable length that does not end, or is too large.
    Varint,
    /// A tagged field that is longer than its value.
    Rest(usize),
    /// What is read would take more memory than it was allowed.
    Memory { allowed: usize },
}

impl ReadError {
    #[cold]
    pub(crate) fn new(
        (message, version): (&'static str, i16),
        field: &'static str,
        position: usize,
        reason: ReadReason,
    ) -> Self {
        Self(Box::new(ReadDetail {
            message,
            version,
            field,
            position,
            reason,
        }))
    }

    /// The message, such as `FetchRequest`.
    pub fn message(&self) -> &'static str {
        self.0.message
    }

    /// The version in which the message was read.
    pub fn version(&self) -> i16 {
        self.0.version
    }

    /// The struct and its field, such as `FetchTopic.topic`.
    pub fn field(&self) -> &'static str {
        self.0.field
    }

    /// The byte of the frame, from 0, at which the field could not be read.
    pub fn position(&self) -> usize {
        self.0.position
    }

    /// Why it could not be read.
    pub fn reason(&self) -> ReadReason {
        self.0.reason
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReadDetail {
            message,
            version,
            field,
            position,
            reason,
        } = &*self.0;
        write!(
            f,
            "{message} version {version}, byte {position}: {field} {reason}"
        )
    }
}

impl fmt::Display for ReadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { first, last } => {
                write!(f, "is known in versions {first} to {last} only")
            }
            Self::Short { needed, left } => {
                write!(
                    f,
                    "takes at least {needed} bytes, of which {left} are there"
                )
            }
            Self::Null => f.write_str("is null, which this version does not allow"),
            Self::Negative(length) => write!(f, "has the length {length}"),
            Self::Long(length) => {
                write!(f, "has {length} bytes; text has at most {STRING_MAX}")
            }
            Self::NoText => f.write_str("is not UTF-8"),
            Self::Varint => f.write_str("has a number that does not end within 32 bits"),
            Self::Rest(rest) => write!(f, "ends {rest} bytes before its tagged field does"),
            Self::Memory { allowed } => {
                write!(
                    f,
                    "takes more memory than the {allowed} bytes that are left to the frame"
                )
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// The most bytes of a string.
pub(crate) const STRING_MAX: usize = i16::MAX as usize;

/// A message that cannot be written in a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError {
    /// The message, such as `FetchRequest`.
    pub message: &'static str,
    /// The version in which it should have been written.
    pub version: i16,
    /// The struct and its field, such as `FetchTopic.topic`.
    pub field: &'static str,
    /// Why it cannot be written.
    pub reason: WriteReason,
}

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteReason {
    /// The codec does not know the message in this version.
    Version { first: i16, last: i16 },
    /// It is null where the version does not allow that.
    Null,
    /// It says something that the version has no field for.
    Absent,
    /// It is longer than its length can tell.
    Long(usize),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            message,
            version,
            field,
            reason,
        } = self;
        write!(f, "{message} version {version}: {field} {reason}")
    }
}

impl fmt::Display for WriteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { first, last } => {
                write!(f, "is known in versions {first} to {last} only")
            }
            Self::Null => f.write_str("is null, which this version does not allow"),
            Self::Absent => f.write_str("is set, which this version has no field for"),
            Self::Long(length) => write!(f, "is too long with {length} bytes or elements"),
        }
    }
}

impl std::error::Error for WriteError {}
