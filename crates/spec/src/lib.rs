//! Config fields: the spanned tree, readers, lint, documentation and schema.

extern crate self as millrace_spec;

mod byte_size;
pub mod catalog;
pub mod codes;
#[doc(hidden)]
pub mod derived;
mod duration;
pub mod env;
mod field;
mod field_type;
mod literal;
mod node;
mod offset_map;
pub mod path;
mod read;
pub mod set;
pub mod tree;

pub use byte_size::ByteSize;
pub use catalog::{Catalog, ComponentSpec, ComponentTable};
pub use duration::Duration;
pub use field::{About, ComponentKind, FieldKind, FieldOption, FieldSpec, Status};
pub use field_type::{FieldGroup, FieldType, OrderedMap, Secret, Spanned, Spec};
pub use literal::Literal;
pub use millrace_diagnostics as diagnostics;
pub use millrace_spec_derive::Spec;
pub use node::{Entry, Mapping, Node, Resolved, Scalar, Value};
pub use offset_map::OffsetMap;
pub use read::{FieldLint, Fields, LintOptions, ReadContext};
