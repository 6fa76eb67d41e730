//! `unit_test_condition`: whether a message meets a condition of a test.

use serde_json::{Value as Json, json};

use super::unit_test_case::test;
use crate::rows::only;
use crate::verdict::{Failure, Pass, Verdict};

/// Tests a pipeline that changes nothing on the message of a row.
pub fn run(row: &Json) -> Verdict {
    let passes = row["expect"]["pass"]
        .as_bool()
        .ok_or_else(|| Failure::misread("the row does not say whether the condition holds"))?;
    let message = &row["message"];
    only(message, &["content", "meta"])?;
    let mut input = json!({ "content": message["content"] });
    if let Some(metadata) = message.get("meta") {
        input["metadata"] = metadata.clone();
    }
    let config = json!({"pipeline": {"processors": [{"noop": {}}]}});
    let case = format!(
        "name: row\ninput_batch: {}\noutput_batches: {}\n",
        json!([input]),
        json!([[row["condition"]]])
    );
    test(&config, &case, row, passes).map(|_| Pass::Ran)
}
