//! Object container files: a header with the schema, and blocks of values.
//!
//! ```text
//! "Obj\x01" | map of metadata (avro.schema, avro.codec) | sync marker, 16 bytes
//! { values in the block | bytes of the block | the block, compressed | sync marker }*
//! ```
//!
//! What is held is one block. Sizes are checked against the bound before anything is read, and a
//! block is unpacked into the bound at most.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::sync::Arc;

use millrace_formats::compression::{Algorithm, decompress};
use millrace_formats::read_whole;
use millrace_message::Value;

use super::decode::{decode, long};
use super::schema::SCHEMA_MAX;
use super::{AvroError, Form, Result, Schema};

const MAGIC: &[u8; 4] = b"Obj\x01";
/// The most that the metadata of a file may take.
const HEADER_MAX: usize = SCHEMA_MAX + (1 << 20);
/// How many values without bytes a block may have.
const EMPTY_MAX: usize = 1 << 16;

/// The values of a file, one after the other.
pub(crate) struct Container {
    stream: BufReader<Box<dyn Read + Send>>,
    form: Form,
    /// The most bytes that a block may have, packed or not.
    max: usize,
    /// The most bytes that a value takes.
    memory_max: usize,
    header: Option<Header>,
    block: Vec<u8>,
    /// Where the next value begins in the block.
    at: usize,
    /// How many values are left in the block.
    left: usize,
    /// Which block it is, for errors.
    number: u64,
}

struct Header {
    schema: Arc<Schema>,
    codec: Codec,
    sync: [u8; 16],
}

/// How blocks are compressed.
#[derive(Clone, Copy)]
enum Codec {
    Null,
    /// In one of our formats.
    Packed(Algorithm),
    /// As Snappy, with the CRC-32 of what was packed behind it.
    Snappy,
}

impl Container {
    /// One that reads nothing yet.
    pub(crate) fn new(
        stream: Box<dyn Read + Send>,
        form: Form,
        max: usize,
        memory_max: usize,
    ) -> Self {
        Self {
            stream: BufReader::new(stream),
            form,
            max,
            memory_max,
            header: None,
            block: Vec::new(),
            at: 0,
            left: 0,
            number: 0,
        }
    }

    /// How many values are in memory.
    pub(crate) fn in_memory(&self) -> usize {
        self.left
    }

    /// The next value, or nothing at the end.
    ///
    /// # Errors
    /// The file is none, is cut or damaged, or a block is larger than the bound.
    pub(crate) fn next(&mut self) -> Result<Option<Value>> {
        if self.header.is_none() {
            let header = self.read_header();
            self.header = Some(header.map_err(|error| error.below("header"))?);
        }
        while self.left == 0 {
            let is_end = self
                .next_block()
                .map_err(|error| error.below(format!("block {}", self.number)))?;
            if is_end {
                return Ok(None);
            }
        }
        let header = self.header.as_ref().expect("it is read above");
        let rest = &self.block[self.at..];
        let decoded = decode(&header.schema, rest, self.form, self.memory_max);
        let place = |error: AvroError| error.below(format!("block {}: ", self.number));
        let (value, after) = decoded.map_err(place)?;
        self.at = self.block.len() - after.len();
        self.left -= 1;
        if self.left == 0 && self.at < self.block.len() {
            let text = format!("{} bytes follow the last value", self.block.len() - self.at);
            return Err(place(AvroError::new(text)));
        }
        Ok(Some(value))
    }

    fn read_header(&mut self) -> Result<Header> {
        let mut magic = [0; MAGIC.len()];
        self.exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(AvroError::new("the file is no Avro object container"));
        }
        let (mut schema, mut codec) = (None, Codec::Null);
        let mut left = HEADER_MAX;
        loop {
            let mut count = self.long()?;
            if count < 0 {
                self.long()?;
                count = count.checked_neg().unwrap_or(i64::MAX);
            }
            if count == 0 {
                break;
            }
            for _ in 0..count {
                let key = self.header_bytes(&mut left)?;
                let value = self.header_bytes(&mut left)?;
                match &key[..] {
                    b"avro.schema" => schema = Some(value),
                    b"avro.codec" => codec = Codec::named(&value)?,
                    _ => {}
                }
            }
        }
        let schema = schema.ok_or_else(|| AvroError::new("the file names no schema"))?;
        let schema =
            std::str::from_utf8(&schema).map_err(|_| AvroError::new("the schema is no UTF-8"))?;
        let schema = Arc::new(Schema::parse(schema)?);
        let mut sync = [0; 16];
        self.exact(&mut sync)?;
        Ok(Header {
            schema,
            codec,
            sync,
        })
    }

    /// Bytes of the metadata, whose sum is bounded.
    fn header_bytes(&mut self, left: &mut usize) -> Result<Vec<u8>> {
        let size = self.long()?;
        // An entry without bytes takes its lengths.
        let size = usize::try_from(size).ok().filter(|size| size + 2 <= *left);
        let size = size.ok_or_else(|| {
            AvroError::new(format!("the metadata is larger than {HEADER_MAX} bytes"))
        })?;
        *left -= size + 2;
        self.bytes(size)
    }

    /// Reads the next block; `true` at the end.
    fn next_block(&mut self) -> Result<bool> {
        if self.is_at_end()? {
            return Ok(true);
        }
        self.number += 1;
        let (count, size) = (self.long()?, self.long()?);
        let (Ok(count), Ok(size)) = (usize::try_from(count), usize::try_from(size)) else {
            let text = format!("it claims {count} values in {size} bytes");
            return Err(AvroError::new(text));
        };
        if size > self.max {
            return Err(self.too_large(size));
        }
        let packed = self.bytes(size)?;
        let mut sync = [0; 16];
        self.exact(&mut sync)?;
        let header = self.header.as_ref().expect("blocks follow the header");
        if sync != header.sync {
            return Err(AvroError::new(
                "what follows it is not the marker of the file",
            ));
        }
        self.block = header.codec.unpack(packed, self.max)?;
        self.at = 0;
        if count > self.block.len() + EMPTY_MAX {
            let text = format!("it claims {count} values in {} bytes", self.block.len());
            return Err(AvroError::new(text));
        }
        self.left = count;
        Ok(false)
    }

    fn too_large(&self, size: usize) -> AvroError {
        AvroError::new(format!(
            "its {size} bytes are more than {}, the smaller of `max_size` and `memory_limit`",
            self.max
        ))
    }

    fn is_at_end(&mut self) -> Result<bool> {
        loop {
            return match self.stream.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(broken(&error)),
                Ok(buffer) => Ok(buffer.is_empty()),
            };
        }
    }

    fn exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.stream
            .read_exact(buffer)
            .map_err(|error| broken(&error))
    }

    fn bytes(&mut self, size: usize) -> Result<Vec<u8>> {
        let stream = self.stream.by_ref().take(size as u64);
        match read_whole(stream, size, size) {
            Ok(Some(bytes)) if bytes.len() == size => Ok(bytes),
            Ok(_) => Err(AvroError::new("the file is cut")),
            Err(error) => Err(broken(&error)),
        }
    }

    fn long(&mut self) -> Result<i64> {
        let mut bytes = Vec::with_capacity(10);
        loop {
            let mut byte = [0];
            self.exact(&mut byte)?;
            bytes.push(byte[0]);
            if byte[0] & 0x80 == 0 || bytes.len() == 10 {
                return long(&bytes).map(|(value, _)| value);
            }
        }
    }
}

fn broken(error: &std::io::Error) -> AvroError {
    AvroError::new(match error.kind() {
        ErrorKind::UnexpectedEof => "the file is cut".to_owned(),
        _ => error.to_string(),
    })
}

impl Codec {
    fn named(name: &[u8]) -> Result<Self> {
        Ok(match name {
            b"null" => Self::Null,
            b"deflate" => Self::Packed(Algorithm::Flate),
            b"zstandard" => Self::Packed(Algorithm::Zstd),
            b"bzip2" => Self::Packed(Algorithm::Bzip2),
            b"snappy" => Self::Snappy,
            other => {
                let name: String = String::from_utf8_lossy(other).chars().take(40).collect();
                return Err(AvroError::new(format!(
                    "blocks are compressed as `{name}`, which is none of `null`, `deflate`, \
                     `snappy`, `zstandard`, `bzip2`"
                )));
            }
        })
    }

    fn unpack(self, packed: Vec<u8>, max: usize) -> Result<Vec<u8>> {
        let unpack = |algorithm, packed: &[u8]| {
            decompress(algorithm, packed, max).map_err(|error| AvroError::new(error.to_string()))
        };
        match self {
            Self::Null => Ok(packed),
            Self::Packed(algorithm) => unpack(algorithm, &packed),
            Self::Snappy => {
                let Some((packed, sum)) = packed.split_last_chunk::<4>() else {
                    return Err(AvroError::new("it has no checksum"));
                };
                let block = unpack(Algorithm::Snappy, packed)?;
                match crc32fast::hash(&block) == u32::from_be_bytes(*sum) {
                    true => Ok(block),
                    false => Err(AvroError::new("its checksum is wrong")),
                }
            }
        }
    }
}
