//! `system_window_calc`: the bounds of windows by the clock.

use millrace_components_pure::Calendar;
use serde_json::{Value as Json, json};

use crate::rows::text;
use crate::verdict::{Failure, Verdict, equal};

/// The window of the row's time, and the one before it.
pub fn run(row: &Json) -> Verdict {
    let (size, slide) = (nanos(row, "size_s")?, nanos(row, "slide_s")?);
    let step = if slide > 0 { slide } else { size };
    let calendar = Calendar::new(size, step, nanos(row, "offset_s")?);
    let now: jiff::Timestamp = text(row, "now")?
        .parse()
        .map_err(|error| Failure::misread(format!("now: {error}")))?;
    let window = calendar.first_from(now.as_nanosecond());
    let before = calendar.previous(window);
    let actual = json!({
        "prevStart": rfc3339(before.start)?,
        "prevEnd": rfc3339(before.end)?,
        "start": rfc3339(window.start)?,
        "end": rfc3339(window.end)?,
    });
    equal(&row["expect"], &actual)
}

fn nanos(row: &Json, field: &str) -> Result<i64, Failure> {
    let seconds = row[field].as_i64();
    let seconds = seconds.ok_or_else(|| Failure::misread(format!("{field} is no number")))?;
    Ok(seconds * 1_000_000_000)
}

fn rfc3339(at: i128) -> Result<String, Failure> {
    let at = jiff::Timestamp::from_nanosecond(at);
    at.map(|at| at.to_string())
        .map_err(|error| Failure::differs("a time", error.to_string()))
}
