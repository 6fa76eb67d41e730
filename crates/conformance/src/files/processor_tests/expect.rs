//! One expectation: what to get of the batches that came out, and what it must be.

use std::path::Path;

use millrace_component::Batches;
use millrace_message::Message;
use serde_json::Value as Json;

use super::in_row;
use crate::compare::{same, same_json_text, theirs};
use crate::messages::{metadata, text as content};
use crate::rows::{only, text};
use crate::verdict::Failure;

/// Whether an expectation holds.
///
/// # Errors
/// It does not, or is not known here.
pub fn check(expected: &Json, batches: &Batches, folder: &Path) -> Result<(), Failure> {
    only(expected, &["get", "batch", "index", "key", "op", "value"])?;
    let op = text(expected, "op")?;
    let value = expected
        .get("value")
        .ok_or_else(|| Failure::misread("an expectation without `value`"))?;
    let value = &in_row(value, folder);
    if let Some(holds) = is_error(expected, op, value, batches)? {
        return if holds {
            Ok(())
        } else {
            Err(differs(expected, &first_fault(batches).to_string()))
        };
    }
    let got = get(expected, batches)?;
    let shown = got.as_str().map_or_else(|| got.to_string(), str::to_owned);
    let holds = match op {
        "==" => is_equal(expected, value, &got),
        "!=" => !same(value, &got, 0.0),
        "contains" => {
            let part = value
                .as_str()
                .ok_or_else(|| Failure::misread("`contains` needs a text"))?;
            shown.contains(part)
        }
        "<" => got
            .as_f64()
            .zip(value.as_f64())
            .is_some_and(|(got, value)| got < value),
        "json==" => same_json_text(value.as_str().unwrap_or_default(), &shown),
        other => return Err(Failure::misread(format!("operator `{other}` is not known"))),
    };
    if holds {
        Ok(())
    } else {
        Err(differs(expected, &shown))
    }
}

/// Texts byte for byte, and metadata that Bento's tests read as text.
fn is_equal(expected: &Json, value: &Json, got: &Json) -> bool {
    if expected["get"] == "meta" && value.is_string() && !got.is_string() && !got.is_null() {
        return value.as_str() == Some(&*got.to_string());
    }
    same(value, got, 0.0)
}

fn differs(expected: &Json, actual: &str) -> Failure {
    Failure::differs(expected.to_string(), actual)
}

/// Says in which step an expectation failed, and what came out of it.
pub fn in_step(failure: Failure, number: usize, batches: &Batches) -> Failure {
    match failure {
        Failure::Differs { expected, actual } => Failure::Differs {
            expected: format!("step {number}: {expected}"),
            actual: format!("{actual}\nin {batches:?}"),
        },
        other => other,
    }
}

/// Whether there is an error, where one is asked for; `None` when it is not.
///
/// The wording is ours: an error that is expected to say something has to be there. No error of ours
/// is fatal to a batch: the flag of any message stands for it.
fn is_error(
    expected: &Json,
    op: &str,
    value: &Json,
    batches: &Batches,
) -> Result<Option<bool>, Failure> {
    let (is_flagged, is_fatal) = match expected["get"].as_str() {
        Some("error") => (get(expected, batches)?.is_string(), false),
        Some("process_error") => (faults(batches).next().is_some(), true),
        _ => return Ok(None),
    };
    Ok(Some(match (op, value) {
        ("==", Json::Null) => is_fatal || !is_flagged,
        ("!=", Json::Null) | ("==" | "contains" | "text==", Json::String(_)) => is_flagged,
        _ => {
            return Err(Failure::misread(format!(
                "`{op}` {value} of an error is not known"
            )));
        }
    }))
}

fn faults(batches: &Batches) -> impl Iterator<Item = &Message> {
    let messages = batches.iter().flat_map(|batch| batch.iter());
    messages.filter(|message| message.fault().is_some())
}

fn first_fault(batches: &Batches) -> Json {
    faults(batches).next().map_or(Json::Null, fault_text)
}

fn fault_text(message: &Message) -> Json {
    let fault = message.fault();
    fault.map_or(Json::Null, |fault| fault.cause.text().into())
}

/// What an expectation is about; null when it is not there.
fn get(expected: &Json, batches: &Batches) -> Result<Json, Failure> {
    let number = |name: &str| expected[name].as_u64().unwrap_or(0) as usize;
    let batch = batches.get(number("batch"));
    let message = batch.and_then(|batch| batch.get(number("index")));
    let of_message = |get: &dyn Fn(&Message) -> Json| message.map_or(Json::Null, get);
    Ok(match text(expected, "get")? {
        "batch_count" => batches.len().into(),
        "batch_len" => batch.map_or(0, |batch| batch.len()).into(),
        "content" => of_message(&|it| content(it).into()),
        "contents" => batch.map_or(Json::Array(Vec::new()), |batch| {
            batch.iter().map(|it| Json::from(content(it))).collect()
        }),
        "error" => of_message(&fault_text),
        "meta" => {
            let key = text(expected, "key")?;
            of_message(&|it| it.metadata.get(key).map_or(Json::Null, theirs))
        }
        "meta_exists" => {
            let key = text(expected, "key")?;
            of_message(&|it| it.metadata.get(key).is_some().into())
        }
        "meta_all" => of_message(&metadata),
        other => return Err(Failure::misread(format!("`{other}` is not known"))),
    })
}
