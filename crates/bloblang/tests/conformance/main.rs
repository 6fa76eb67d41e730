//! Bloblang against cases that were run on Bento itself.
//!
//! The cases are no part of this repository. They are read from the folder that the environment
//! variable `MILLRACE_CONFORMANCE` names, else from `../shared/conformance` beside the workspace;
//! where there are none, the tests say so and pass.

mod parse;
mod registry;
mod rows;
mod run;
