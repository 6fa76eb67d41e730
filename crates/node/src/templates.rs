//! Templates: components that are defined in a YAML file, by their fields and by a mapping that makes
//! the config of another component out of them.
//!
//! ```text
//! file → Definition → Template ─┐ added to the registry of this build
//! a use of it: Fields → mapping → Made → the config that is read in the place of the use
//! ```
//!
//! A use is read where a component of its kind is read, so that lint, run, echo and unit tests see the
//! same. Nothing of it is left when a stream is built, but a mapping of its metrics.

mod definition;
mod fields;
mod made;
mod read;
mod template;
mod trial;

pub use read::{Templates, without_templates};
pub(crate) use read::{refuse_template, template_files};
