//! `resource_api_lint`: what the admin server says of a resource that is sent to it.

use serde_json::Value as Json;

use crate::verdict::{Failure, Verdict};

/// Fails: this build has nothing that answers the row.
pub fn run(_: &Json) -> Verdict {
    Err(Failure::NotBuilt("what the admin server says of a resource that is sent to it".to_owned()))
}
