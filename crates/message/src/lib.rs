//! The vocabulary of the message path: value, message, batch, origin and acknowledgement.

pub mod document;
pub mod json;
pub mod text;
pub mod value;

pub use document::Document;
pub use json::JsonError;
pub use text::Text;
pub use value::{Array, Kind, Number, Object, PathError, Segment, Value};
