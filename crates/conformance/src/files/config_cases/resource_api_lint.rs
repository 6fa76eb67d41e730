//! `resource_api_lint`: what the server of the process says of a resource that is sent to it.

use millrace_testkit::http;
use serde_json::{Value as Json, json};

use super::product;
use crate::rows::{list, text};
use crate::verdict::{Failure, Verdict, equal};

/// Sends the resource of a row.
pub fn run(row: &Json) -> Verdict {
    let kind = text(row, "resource_type")?;
    let (_running, url) = match product::serve(json!({}))? {
        Ok(serving) => serving,
        Err(said) => return Err(Failure::differs("a server", said)),
    };
    let url = format!("{url}/resources/{kind}/row");
    let answer = http::post(&url, text(row, "config")?.as_bytes());
    let answer = answer.map_err(|error| Failure::differs("an answer", format!("{error:#}")))?;
    if matches!(answer.status, 404 | 405) {
        let path = format!("the path /resources/{kind}/row");
        return Err(Failure::NotBuilt(path));
    }
    let told: Json = serde_json::from_str(&answer.text())
        .map_err(|_| Failure::differs_json(&row["expect"], &answer.text().into()))?;
    let lints = told["lint_errors"].as_array().into_iter().flatten();
    let actual: Vec<String> = lints.filter_map(Json::as_str).map(without_column).collect();
    let expected = list(&row["expect"], "lints")?.iter();
    let expected: Vec<String> = expected
        .filter_map(Json::as_str)
        .map(without_column)
        .collect();
    equal(&expected.into(), &actual.into())
}

/// `(3,1) message` without the column: Bento's is always 1.
fn without_column(lint: &str) -> String {
    match lint.split_once(") ") {
        Some((place, message)) => {
            let line = place.split(',').next().unwrap_or(place);
            format!("{line}) {message}")
        }
        None => lint.to_owned(),
    }
}
