//! XML as Bento turns it into values and back.
//!
//! An element is a member of its parent: its text, or an object with its attributes (`-name`), its
//! elements, and its text as `#text`. Elements of one name are an array; comments, directives,
//! processing instructions and namespace prefixes are passed over.

mod edge;
mod read;
mod write;

pub use edge::Edge;
pub use read::read;
pub use write::write;
