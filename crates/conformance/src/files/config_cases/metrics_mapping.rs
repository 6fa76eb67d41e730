//! `metrics_mapping`: the mapping that renames and drops metrics.

use millrace_bloblang::Environment;
use millrace_component::Mapping;
use serde_json::{Value as Json, json};

use crate::rows::{entries, text};
use crate::verdict::{Failure, Verdict, equal};
use crate::workbench;

/// Maps the metric of a row.
pub fn run(row: &Json) -> Verdict {
    let mapping = text(row, "mapping")?;
    let config = json!({ "none": {}, "mapping": mapping }).to_string();
    let read = workbench::read::<millrace_node::config::MetricsConfig>(&config, Environment::new());
    let lines = read.lines().join("\n");
    let Some(config) = read.value.filter(|_| read.errors.is_empty()) else {
        return Err(Failure::differs("a mapping", lines));
    };
    let labels: Vec<(&str, &str)> = entries(row, "labels")
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    let mapped = map(config.mapping.as_ref(), text(row, "input")?, &labels);
    equal(&row["expect"], &mapped)
}

/// The name and labels that a metric gets; a metric that is dropped has no name.
fn map(mapping: Option<&Mapping>, name: &str, labels: &[(&str, &str)]) -> Json {
    let Some(mapping) = mapping else {
        let labels: Json = labels
            .iter()
            .map(|(name, it)| (*name, Json::from(*it)))
            .collect();
        return json!({"name": name, "labels": labels});
    };
    match millrace_node::rename_metric(mapping, name, labels) {
        None => json!({"name": "", "labels": {}}),
        Some(mapped) => {
            let labels = mapped.labels.into_iter();
            let labels: Json = labels.map(|(name, it)| (name, Json::from(it))).collect();
            json!({"name": mapped.name, "labels": labels})
        }
    }
}
