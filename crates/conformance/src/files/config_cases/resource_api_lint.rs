//! `resource_api_lint`: what there is to say of a resource that somebody hands to the HTTP API.

use std::sync::Arc;

use millrace_node::{lint_resource, registry, resource_kind};
use serde_json::Value as Json;

use crate::rows::{list, text};
use crate::verdict::{Failure, Verdict, equal};

/// Checks the resource of a row.
pub fn run(row: &Json) -> Verdict {
    let kind = resource_kind(text(row, "resource_type")?).map_err(Failure::misread)?;
    let lint = lint_resource(kind, text(row, "config")?, &Arc::new(registry()));
    let expected = list(&row["expect"], "lints")?;
    equal(&expected.into(), &lint.errors.into())
}
