//! `http_basic_auth`: whether the admin server lets a request in.

use serde_json::Value as Json;

use crate::verdict::{Failure, Verdict};

/// Fails: this build has nothing that answers the row.
pub fn run(_: &Json) -> Verdict {
    Err(Failure::NotBuilt("whether the admin server lets a request in".to_owned()))
}
