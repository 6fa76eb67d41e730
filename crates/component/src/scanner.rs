//! The contract of a scanner: a stream of bytes in, batches of messages out.

use std::io::Read;

use millrace_message::{Error, MessageBatch};

/// Cuts one stream of bytes into messages.
///
/// Memory is bounded by the largest message it is configured to accept.
pub trait Scanner: Send {
    /// The next batch, or `None` at the end of the stream.
    ///
    /// # Errors
    /// `Rejected` names the place of one message that cannot be read and lets the caller go on
    /// behind it; it counts as one message dropped. Any other class ends the stream.
    fn next(&mut self) -> Result<Option<MessageBatch>, Error>;

    /// Whether [`Scanner::next`] would find a message in memory, without reading.
    fn is_ready(&self) -> bool {
        false
    }
}

/// Where the bytes of a stream come from, for messages and errors.
#[derive(Clone, Debug, Default)]
pub struct SourceDetails {
    /// A file name or the like; decides nothing but `decompress`'s and `switch`'s choice by name.
    pub name: String,
}

/// Opens scanners, one for each stream.
pub trait ScannerFactory: Send + Sync {
    /// A scanner over `stream`.
    ///
    /// # Errors
    /// The stream does not begin as the format demands.
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error>;
}
