//! Config fields: the spanned tree, readers, lint, documentation and schema.
//!
//! # From a file to a typed config
//!
//! 1. [`env::interpolate`] replaces `${VAR}` in the raw text and keeps a map back to it.
//! 2. [`tree::parse`] makes a tree of [`Node`]s, each with its place in the file as written.
//! 3. [`FieldType::read`] turns a node into a Rust value. It collects every complaint in a
//!    [`ReadContext`] and never stops at the first. It does no I/O.
//!
//! The same `#[derive(Spec)]` gives the reader and the field table ([`Spec::fields`]), from which
//! come [`render::json_schema`], [`render::markdown`], [`render::sample`] and
//! [`render::normalise`]. Nothing about a field is said twice.
//!
//! # The config of a component
//!
//! ```
//! use millrace_spec::{
//!     Duration, FieldGroup, FieldType, Node, ReadContext, Secret, Spec, codes, diagnostics, env, tree,
//! };
//!
//! /// Sends messages to a thing.
//! ///
//! /// The first paragraph is the summary of listings; the rest follows on the reference page.
//! #[derive(Spec, Debug)]
//! #[spec(output = "thing", status = "beta", since = "0.1", category = "Network")]
//! #[spec(example = "examples/thing.yaml", check = check)]
//! pub struct Config {
//!     /// Where to connect to.
//!     url: String,                                  // no default: required
//!     /// How long a write may take.
//!     #[spec(default = "5s", advanced)]
//!     timeout: Duration,                            // Go's notation
//!     /// How messages are written.
//!     #[spec(default = "lines")]
//!     codec: Codec,
//!     /// A user's password.
//!     password: Option<Secret<String>>,             // may be absent; never printed
//!     /// Topics to write to.
//!     #[spec(default = ["a", "b"], example = ["orders"])]
//!     topics: Vec<String>,
//!     #[spec(flatten)]
//!     retry: Retry,                                 // its fields stand beside the others
//!     /// Transport security.
//!     tls: Tls,                                     // an object; absent = all its defaults
//!     /// Messages in flight.
//!     #[spec(default = 64, alias = "max_inflight", lint = positive)]
//!     max_in_flight: u32,
//! }
//!
//! /// How messages are written.
//! #[derive(Spec, Debug, PartialEq)]
//! enum Codec {
//!     /// One message a line.
//!     Lines,                                        // the option `lines`
//!     #[spec(rename = "all-bytes")]
//!     AllBytes,
//! }
//!
//! #[derive(Spec, Debug)]
//! struct Retry {
//!     /// How often a write is tried again.
//!     #[spec(default = 3)]
//!     retries: u32,
//! }
//!
//! #[derive(Spec, Debug)]
//! struct Tls {
//!     /// Whether to use it.
//!     #[spec(default = false)]
//!     enabled: bool,
//! }
//!
//! /// A check of one field: runs when its value could be read.
//! fn positive(value: &u32, node: &Node, cx: &mut ReadContext) {
//!     if *value == 0 {
//!         cx.error(codes::INVALID_VALUE, node.span, "max_in_flight must be at least 1");
//!     }
//! }
//!
//! /// A check of several fields together: runs when all of them could be read; it may complete the
//! /// config.
//! fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
//!     if config.tls.enabled && config.url.starts_with("http:") {
//!         let span = node.field_span("url");
//!         cx.error(codes::CONFLICT, span, "`tls` needs a URL that begins with https")
//!             .help = Some("write https, or switch `tls` off".to_owned());
//!     }
//! }
//!
//! let sources = std::sync::Arc::new(diagnostics::SourceMap::new());
//! let text = "url: ${THING:https://h}\ncodec: line\n";
//! let id = sources.add("config.yaml", text);
//! let text = env::interpolate(text, id, &env::Environment::of_process());
//! let mut cx = ReadContext::new(sources.clone());
//! let mut complaints = diagnostics::Diagnostics::new();
//! let node = tree::parse(&text, &mut complaints).expect("the text is YAML");
//! assert!(Config::read(&node, &mut cx).is_none());
//! let renderer = diagnostics::Renderer::new(&sources).redact(cx.redactor().clone());
//! assert_eq!(
//!     renderer.one_line(cx.diagnostics().iter().next().expect("a complaint")),
//!     "config.yaml(2,8) field codec: `line` is not one of its options (did you mean `lines`?)"
//! );
//! ```
//!
//! ## Attributes
//!
//! On structs and enums: `input = "name"` (or another [`ComponentKind`]), `status`, `since`,
//! `category` and `example` (both repeatable) fill [`Spec::ABOUT`]; `check = function` runs over
//! the whole value.
//!
//! On fields: `default = LITERAL` (`5`, `-1`, `"text"`, `["a"]`, `{"key": 1}`, `null`; it goes
//! through the same reader as a user's value), `optional` (absent gives `Default::default()`; an
//! `Option` needs no attribute), `advanced`, `deprecated`, `secret`, `since = "0.1"`,
//! `options("a", "b" = "what b means")`,
//! `unsupported = "reason"` (known, but any value but the default is refused by name), `rename = "type"`, `alias = "other_name"`, `flatten`,
//! `lint = function`, `example = LITERAL`, `kind = EXPRESSION` (a [`FieldKind`] that differs from
//! the type's own). On enum variants: `rename`.
//!
//! A struct that wraps one value is that value (`struct Config(Mapping)` for `mapping: "…"`,
//! `struct Config(Vec<Case>)` for `switch: [ … ]`); a unit struct is `{}`.
//!
//! ## New field types
//!
//! Implement [`FieldType`]: what [`FieldKind`] it is, and how it is read. Layers above lend what
//! their types need through [`ReadContext::set_extension`] and collect through
//! [`ReadContext::state`]. A reader returns `None` exactly when it reported an error.
//! [`Node::span_of`] gives the place of a part of a text, also within block scalars, escapes and
//! variables.
//!
//! ## Secrets
//!
//! What is read into a [`Secret`], into a field marked `secret`, or stands in the user part of a
//! URL, in a parameter of a URL that is secret by its name, or in the password of a data source
//! name, is added to [`ReadContext::redactor`], together with the values of the variables used
//! there. Of a [`SecretAddress`] only that is.

extern crate self as millrace_spec;

mod byte_size;
pub mod catalog;
pub mod codes;
pub mod credentials;
#[doc(hidden)]
pub mod derived;
mod duration;
pub mod env;
mod field;
mod field_type;
mod fragments;
pub mod known;
pub mod lint;
mod literal;
mod node;
mod offset_map;
pub mod path;
mod percent;
mod read;
pub mod render;
pub mod set;
pub mod tree;

pub use byte_size::ByteSize;
pub use catalog::{Catalog, ComponentSpec, ComponentTable};
pub use duration::Duration;
pub use field::{About, ComponentKind, FieldKind, FieldOption, FieldSpec, Status};
pub use field_type::{FieldGroup, FieldType, OrderedMap, Secret, SecretAddress, Spanned, Spec};
pub use literal::Literal;
pub use millrace_diagnostics as diagnostics;
pub use millrace_spec_derive::Spec;
pub use node::{Entry, Mapping, Node, Resolved, Scalar, Value};
pub use offset_map::OffsetMap;
pub use percent::percent_decode;
pub use read::{FieldLint, Fields, LintOptions, ReadContext};
