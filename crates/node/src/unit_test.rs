//! Unit tests of a config: batches go into some of its processors, and what comes out is checked.
//!
//! A definition is a list under `tests`, in the config itself or in a file beside it
//! (`foo.yaml` is tested by `foo_bento_test.yaml` and `foo_millrace_test.yaml`). No input and no
//! output is started; a test sees its own resources, and nothing of the tests before it.
//!
//! ```text
//! find → Target (a config, its cases, complaints about them)
//! Target::run → for each case: ConfigFile::provide → run_case → Failure
//! ```
//!
//! [`run_case`] and [`Conditions::check`] stand for themselves, for those who have processors or
//! messages from elsewhere.

mod case;
mod conditions;
mod document;
mod execute;
pub(crate) mod json_difference;
mod mocks;
mod provider;
mod stop;
mod target;
mod texts;
mod used;

pub use case::{Case, Given, InputMessage, Instant};
pub use conditions::{Conditions, Unmet};
pub use document::Document;
pub use execute::{CaseFailure, Provide, run_case};
pub use provider::ConfigFile;
pub use stop::Stop;
pub use target::{Failure, Report, SUFFIXES, Settings, Target, find, read_case, read_conditions};
pub use texts::Texts;
