//! The header of a batch.

use std::fmt;

/// How many bytes a header has.
pub const HEADER_SIZE: usize = 61;
/// How many bytes there are before and with the length of a batch: what tells its size.
pub const PREFIX_SIZE: usize = 12;
/// The producer id of a batch that no idempotent producer wrote.
pub const NO_PRODUCER: i64 = -1;

/// Where the leader epoch lies.
const EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
/// Where that begins which the checksum covers.
const COVERED_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;

/// What is wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// There are fewer bytes than the batch has; `needed` of them tell more.
    Short { needed: usize },
    /// Its length says that it has no room for its own header.
    Length(i32),
    /// It has a format that is not stored.
    Magic(i8),
    /// Its checksum is not that of its bytes.
    Checksum { said: u32, found: u32 },
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchError::Short { needed } => {
                write!(f, "the batch ends before its {needed} bytes do")
            }
            BatchError::Length(length) => write!(f, "a batch cannot be {length} bytes long"),
            BatchError::Magic(magic) => write!(f, "the format {magic} of the batch is not 2"),
            BatchError::Checksum { said, found } => write!(
                f,
                "the checksum of the batch is {said:08x}, that of its bytes {found:08x}"
            ),
        }
    }
}

impl std::error::Error for BatchError {}

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    /// Every codec, in the order of its number in the attributes.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];
}

/// The flags of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub i16);

impl Attributes {
    const APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// `None` when the codec is not known.
    pub fn compression(self) -> Option<Compression> {
        Some(match self.0 & 7 {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Snappy,
            3 => Compression::Lz4,
            4 => Compression::Zstd,
            _ => return None,
        })
    }

    #[must_use]
    pub fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !7 | compression as i16)
    }

    /// Whether the time of its records is that of the broker which appended it.
    pub fn is_append_time(self) -> bool {
        self.0 & Self::APPEND_TIME != 0
    }

    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    #[must_use]
    pub fn transactional(self) -> Self {
        Self(self.0 | Self::TRANSACTIONAL)
    }

    /// Whether it holds markers of transactions instead of messages.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    #[must_use]
    pub fn control(self) -> Self {
        Self(self.0 | Self::CONTROL)
    }

    /// Whether its base timestamp is the time from which its tombstones may be removed (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The base timestamp becomes the time from which tombstones may be removed.
    #[must_use]
    pub fn with_delete_horizon(self) -> Self {
        Self(self.0 | Self::DELETE_HORIZON)
    }
}

/// The header of a batch, in the order of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: i64,
    /// How many bytes follow this field.
    pub length: i32,
    pub leader_epoch: i32,
    pub crc: u32,
    pub attributes: Attributes,
    pub last_offset_delta: i32,
    /// Milliseconds since 1970, as all times here.
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    /// [`NO_PRODUCER`] when the producer is not idempotent.
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`. That it lies well with what follows is not
    /// looked at: see [`is_intact`].
    ///
    /// # Errors
    /// There are too few bytes, its length is none, or its format is not 2.
    pub fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        size_of(bytes)?;
        let Some(bytes) = bytes.first_chunk::<HEADER_SIZE>() else {
            return Err(BatchError::Short {
                needed: HEADER_SIZE,
            });
        };
        let magic = i8::from_be_bytes([bytes[MAGIC_AT]]);
        if magic != 2 {
            return Err(BatchError::Magic(magic));
        }
        Ok(Self {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            length: i32::from_be_bytes(field(bytes, 8)),
            leader_epoch: i32::from_be_bytes(field(bytes, EPOCH_AT)),
            crc: u32::from_be_bytes(field(bytes, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(bytes, COVERED_AT))),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)),
            base_timestamp: i64::from_be_bytes(field(bytes, 27)),
            max_timestamp: i64::from_be_bytes(field(bytes, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(bytes, 43)),
            producer_epoch: i16::from_be_bytes(field(bytes, 51)),
            base_sequence: i32::from_be_bytes(field(bytes, 53)),
            record_count: i32::from_be_bytes(field(bytes, 57)),
        })
    }

    /// The bytes of the header.
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        put(&mut bytes, 0, &self.base_offset.to_be_bytes());
        put(&mut bytes, 8, &self.length.to_be_bytes());
        put(&mut bytes, EPOCH_AT, &self.leader_epoch.to_be_bytes());
        bytes[MAGIC_AT] = 2;
        put(&mut bytes, CRC_AT, &self.crc.to_be_bytes());
        put(&mut bytes, COVERED_AT, &self.attributes.0.to_be_bytes());
        put(&mut bytes, 23, &self.last_offset_delta.to_be_bytes());
        put(&mut bytes, 27, &self.base_timestamp.to_be_bytes());
        put(
            &mut bytes,
            MAX_TIMESTAMP_AT,
            &self.max_timestamp.to_be_bytes(),
        );
        put(&mut bytes, 43, &self.producer_id.to_be_bytes());
        put(&mut bytes, 51, &self.producer_epoch.to_be_bytes());
        put(&mut bytes, 53, &self.base_sequence.to_be_bytes());
        put(&mut bytes, 57, &self.record_count.to_be_bytes());
        bytes
    }

    /// How many bytes the batch has, with its header.
    pub fn size(&self) -> usize {
        PREFIX_SIZE + usize::try_from(self.length).unwrap_or(0)
    }

    /// The offset of its last record; it may have been compacted away.
    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.last_offset_delta))
    }

    /// The offset after its last one.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// The sequence number of its last record, which starts again at 0 after the largest one.
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence {
            sequence if sequence < 0 => sequence,
            sequence => sequence.wrapping_add(self.last_offset_delta) & i32::MAX,
        }
    }

    /// From when on the tombstones or the marker in it may be removed, if that was decided.
    pub fn delete_horizon(&self) -> Option<i64> {
        let has_one = self.attributes.has_delete_horizon();
        has_one.then_some(self.base_timestamp)
    }

    pub fn is_idempotent(&self) -> bool {
        self.producer_id > NO_PRODUCER
    }
}

fn field<const N: usize>(bytes: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// How many bytes the batch at the front of `bytes` has, with its header; there may be fewer.
///
/// # Errors
/// There are too few bytes to tell, or it would have no room for its header.
pub fn size_of(bytes: &[u8]) -> Result<usize, BatchError> {
    let Some(prefix) = bytes.first_chunk::<PREFIX_SIZE>() else {
        return Err(BatchError::Short {
            needed: PREFIX_SIZE,
        });
    };
    let length = i32::from_be_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
    let size = usize::try_from(length)
        .ok()
        .and_then(|it| it.checked_add(PREFIX_SIZE));
    size.filter(|size| *size >= HEADER_SIZE)
        .ok_or(BatchError::Length(length))
}

/// The checksum of one batch, which must be whole.
pub fn checksum(batch: &[u8]) -> u32 {
    crc32c::crc32c(batch.get(COVERED_AT..).unwrap_or_default())
}

/// Reads the header of the batch at the front of `bytes` and checks that all of it is there, with
/// the checksum that it says.
///
/// # Errors
/// It is not whole, or was changed.
pub fn is_intact(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::read(bytes)?;
    let needed = header.size();
    let batch = bytes.get(..needed).ok_or(BatchError::Short { needed })?;
    let found = checksum(batch);
    match found == header.crc {
        true => Ok(header),
        false => Err(BatchError::Checksum {
            said: header.crc,
            found,
        }),
    }
}

/// Writes where a batch lies in the log, which its checksum does not cover.
///
/// # Panics
/// `batch` is shorter than a header.
pub fn set_position(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    put(batch, 0, &base_offset.to_be_bytes());
    put(batch, EPOCH_AT, &leader_epoch.to_be_bytes());
}

/// Makes the time of a batch that of the broker, and its checksum right again.
///
/// # Panics
/// `batch` is shorter than a header.
pub fn set_append_time(batch: &mut [u8], timestamp: i64) {
    let attributes = i16::from_be_bytes([batch[COVERED_AT], batch[COVERED_AT + 1]]);
    let attributes = attributes | Attributes::APPEND_TIME;
    put(batch, COVERED_AT, &attributes.to_be_bytes());
    put(batch, MAX_TIMESTAMP_AT, &timestamp.to_be_bytes());
    let crc = checksum(batch);
    put(batch, CRC_AT, &crc.to_be_bytes());
}
