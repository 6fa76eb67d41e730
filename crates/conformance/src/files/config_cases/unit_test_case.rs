//! `unit_test_case`: a test of a config, and what fails of it.

use serde_json::{Value as Json, json};

use super::product;
use crate::rows::{self, entries, list, text};
use crate::verdict::{Failure, Pass, Verdict};

/// Runs the test of a row with `test`, in a config that has its targets.
pub fn run(row: &Json) -> Verdict {
    let mut config = json!({});
    for (pointer, mapping) in entries(row, "target_mappings") {
        let segments: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
        place(&mut config, &segments, json!([{ "bloblang": mapping }]));
    }
    let failures = list(&row["expect"], "failures")?;
    let said = test(&config, text(row, "case_yaml")?, row, failures.is_empty())?;
    for failure in failures {
        // The wording is ours; what a test expected and received is its own.
        let reason = text(failure, "reason")?;
        let values = reason
            .lines()
            .filter_map(|line| line.trim().split_once(": "))
            .filter(|(what, _)| matches!(*what, "expected" | "received"));
        for (_, value) in values {
            if !said.contains(value) {
                return Err(Failure::differs(reason, said));
            }
        }
    }
    Ok(Pass::Ran)
}

/// Runs one test case on a config; what was said, when the test passes or fails as it must.
///
/// # Errors
/// It does not, or there is no such command.
pub fn test(config: &Json, case: &str, row: &Json, passes: bool) -> Result<String, Failure> {
    let folder = rows::folder()?;
    rows::write_files(row, folder.path())?;
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, yaml(config, case))
        .map_err(|error| Failure::misread(format!("write the config: {error}")))?;
    let mut command = product::command()?;
    command.arg("test").arg(&path);
    let output = product::run(command)?;
    let said = product::said(&output);
    // Wrong arguments and configs that cannot be read are no failed tests.
    match (output.status.code(), passes) {
        (Some(0), true) | (Some(1), false) => Ok(said),
        (_, true) => Err(Failure::differs("the test passes", said)),
        (_, false) => Err(Failure::differs("the test fails", said)),
    }
}

/// A config with one test: what stands on one line is JSON, which YAML includes.
fn yaml(config: &Json, case: &str) -> String {
    let mut yaml = String::new();
    for (name, value) in config.as_object().into_iter().flatten() {
        yaml.push_str(&format!("{name}: {value}\n"));
    }
    yaml.push_str("tests:\n");
    for (index, line) in case.trim_start_matches('\n').lines().enumerate() {
        yaml.push_str(if index == 0 { "- " } else { "  " });
        yaml.push_str(line);
        yaml.push('\n');
    }
    yaml
}

/// Puts a value at a path, making objects, lists and inputs on the way.
fn place(node: &mut Json, path: &[&str], value: Json) {
    let Some((segment, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    match segment.parse::<usize>() {
        Ok(index) if index < 1000 => {
            if !node.is_array() {
                *node = json!([]);
            }
            if let Json::Array(items) = node {
                while items.len() <= index {
                    items.push(json!({"generate": {"mapping": "root = \"\""}}));
                }
                place(&mut items[index], rest, value);
            }
        }
        _ => place(&mut node[*segment], rest, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_put_where_their_pointers_lead() {
        let mut config = json!({});
        place(&mut config, &["pipeline", "processors"], json!([1]));
        place(
            &mut config,
            &["input", "broker", "inputs", "1", "processors"],
            json!([2]),
        );
        let generate = json!({"mapping": "root = \"\""});
        assert_eq!(config["pipeline"]["processors"], json!([1]));
        assert_eq!(
            config["input"]["broker"]["inputs"],
            json!([{"generate": generate}, {"generate": generate, "processors": [2]}])
        );
        assert_eq!(
            yaml(&json!({"a": {"b": 1}}), "\nname: x\nlist:\n- y\n"),
            "a: {\"b\":1}\ntests:\n- name: x\n  list:\n  - y\n"
        );
    }
}
