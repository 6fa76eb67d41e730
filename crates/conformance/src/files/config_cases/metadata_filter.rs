//! `metadata_filter`: which metadata are included, or stay behind.

use millrace_bloblang::Environment;
use millrace_component::{MetadataExclusion, MetadataFilter};
use serde_json::{Value as Json, json};

use crate::rows::{entries, text};
use crate::verdict::{Failure, Verdict, equal};
use crate::workbench::{self, Read};

/// Filters the metadata of a row.
pub fn run(row: &Json) -> Verdict {
    let config = row["conf"].to_string();
    let passes: Box<dyn Fn(&str) -> bool> = match text(row, "mode")? {
        "exclude" => {
            let filter: MetadataExclusion =
                config_of(workbench::read(&config, Environment::new()))?;
            Box::new(move |name| !filter.excludes(name))
        }
        "include" => {
            let filter: MetadataFilter = config_of(workbench::read(&config, Environment::new()))?;
            let filter = filter.compile();
            Box::new(move |name| filter.includes(name))
        }
        other => return Err(Failure::misread(format!("mode `{other}` is not known"))),
    };
    let kept = entries(row, "input").filter(|(name, _)| passes(name));
    let kept: Json = kept.map(|(name, it)| (name.clone(), it.clone())).collect();
    equal(&row["expect"], &json!({ "meta": kept }))
}

fn config_of<T>(read: Read<T>) -> Result<T, Failure> {
    let lines = read.lines().join("\n");
    let config = read.value.filter(|_| read.errors.is_empty());
    config.ok_or_else(|| Failure::differs("a filter", lines))
}
