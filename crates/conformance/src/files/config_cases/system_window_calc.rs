//! `system_window_calc`: the bounds of windows by the clock.

use serde_json::Value as Json;

use crate::verdict::{Failure, Verdict};

/// Fails: this build has nothing that answers the row.
pub fn run(_: &Json) -> Verdict {
    Err(Failure::NotBuilt(
        "the bounds of windows by the clock".to_owned(),
    ))
}
