//! The vocabulary of the message path: value, message, batch, origin and acknowledgement.

pub mod clock;
pub mod document;
pub mod json;
pub mod text;
pub mod value;

mod batch;
mod context;
mod error;
mod halt;
mod message;
mod metadata;
mod origin;

pub use batch::{MessageBatch, settle_all};
pub use context::{Context, Replies};
pub use document::Document;
pub use error::{Error, ErrorClass, Fault};
pub use halt::Halt;
pub use json::JsonError;
pub use message::{Message, print_together};
pub use metadata::Metadata;
pub use origin::{
    Handle, Origin, Outcome, Outcomes, Settle, SettleRun, Transaction, TransactionId,
};
pub use text::Text;
pub use value::{Array, Kind, Number, Object, PathError, Segment, Value};
