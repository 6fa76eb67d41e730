//! `unit_test_case`: a test of a config and what fails of it.

use serde_json::Value as Json;

use crate::verdict::{Failure, Verdict};

/// Fails: this build has nothing that answers the row.
pub fn run(_: &Json) -> Verdict {
    Err(Failure::NotBuilt("a test of a config and what fails of it".to_owned()))
}
