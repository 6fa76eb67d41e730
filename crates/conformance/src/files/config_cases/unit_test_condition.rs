//! `unit_test_condition`: a condition on a message.

use serde_json::Value as Json;

use crate::verdict::{Failure, Verdict};

/// Fails: this build has nothing that answers the row.
pub fn run(_: &Json) -> Verdict {
    Err(Failure::NotBuilt("a condition on a message".to_owned()))
}
