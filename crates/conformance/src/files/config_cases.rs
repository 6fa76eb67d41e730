//! `config_cases.jsonl`: cases of many kinds around configs, one module for each.

use serde_json::Value as Json;

use crate::rows::text;
use crate::verdict::{Failure, Verdict};

mod buffer_config;
mod cli_lint;
mod cli_run;
mod dotenv;
mod env_interpolation;
mod glob;
mod http_basic_auth;
mod json_parse;
mod metadata_filter;
mod metrics_mapping;
mod paths;
mod product;
mod resource_api_lint;
mod set_override;
mod system_window_calc;
mod unit_test_case;
mod unit_test_condition;
mod yaml;

/// Runs a row as its kind says.
pub fn run(row: &Json) -> Verdict {
    match text(row, "kind")? {
        "buffer_config" => buffer_config::run(row),
        "cli_lint" => cli_lint::run(row),
        "cli_run" => cli_run::run(row),
        "dotenv" => dotenv::run(row),
        "env_interpolation" => env_interpolation::run(row),
        "get_yaml_path" => paths::get(row),
        "glob" => glob::run(row),
        "http_basic_auth" => http_basic_auth::run(row),
        "json_parse" => json_parse::run(row),
        "metadata_filter" => metadata_filter::run(row),
        "metrics_mapping" => metrics_mapping::run(row),
        "resource_api_lint" => resource_api_lint::run(row),
        "set_override" => set_override::run(row),
        "set_yaml_path" => paths::set(row),
        "system_window_calc" => system_window_calc::run(row),
        "unit_test_case" => unit_test_case::run(row),
        "unit_test_condition" => unit_test_condition::run(row),
        "yaml_labels_to_path" => paths::labels(row),
        other => Err(Failure::misread(format!("kind `{other}` is not known"))),
    }
}
