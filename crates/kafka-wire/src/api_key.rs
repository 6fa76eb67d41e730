//! The APIs: numbers, versions, headers.

use std::fmt;

pub use crate::generated::api_key::ApiKey;

/// What the tables say of one API.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What the codec reads and writes.
    pub(crate) versions: (i16, i16),
    pub(crate) flexible: Option<i16>,
    /// What a broker tells of; nothing when it does not answer the API yet.
    pub(crate) advertised: Option<(i16, i16)>,
}

/// One API as a broker advertises it, with the versions from the first to the last.
///
/// They need not be those that it answers: Produce is advertised from version 0, without which
/// released versions of librdkafka compress nothing, and answered from 3 on, as Kafka does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The API.
    pub key: ApiKey,
    /// The first version.
    pub first: i16,
    /// The last version.
    pub last: i16,
}

/// All that a broker advertises, in the order of the numbers.
pub fn advertised() -> impl Iterator<Item = Advertised> {
    ApiKey::ALL.iter().filter_map(|key| {
        let (first, last) = key.row().advertised?;
        Some(Advertised {
            key: *key,
            first,
            last,
        })
    })
}

impl ApiKey {
    /// The API of this number, when the codec knows it.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.number() == number)
    }

    /// The number on the wire.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// Kafka's name, such as `Fetch`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The first and the last version that the codec reads and writes.
    pub fn versions(self) -> (i16, i16) {
        self.row().versions
    }

    /// Whether a broker tells of it.
    pub fn is_advertised(self) -> bool {
        self.row().advertised.is_some()
    }

    /// Whether the codec reads and writes this version.
    pub fn has_version(self, version: i16) -> bool {
        let (first, last) = self.versions();
        (first..=last).contains(&version)
    }

    fn is_flexible(self, version: i16) -> bool {
        self.row().flexible.is_some_and(|first| version >= first)
    }

    /// The version of the header before a request of this version.
    pub fn request_header(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header before a response of this version.
    ///
    /// That of ApiVersions is always 0: a client that asks does not know yet what the broker knows.
    pub fn response_header(self, version: i16) -> i16 {
        i16::from(self != Self::ApiVersions && self.is_flexible(version))
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
