//! A process that runs the rows of a file, from one row on, and tells what became of each.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result, bail};
use serde_json::{Value as Json, json};

use crate::environment;
use crate::files::{self, CaseFile};
use crate::rows::{self, Row};
use crate::verdict::{self, Failure, Verdict};

/// What stands before a verdict: a row may print to the standard output, too.
const MARK: &str = "\u{1e}verdict ";

/// Runs `FILE PATH FIRST`.
///
/// # Errors
/// The arguments are not those of a supervisor, or nobody reads.
pub fn run(arguments: &[String]) -> Result<()> {
    let [name, path, first] = arguments else {
        bail!("a worker is started by a supervisor");
    };
    let file = files::find(name).with_context(|| format!("`{name}` is no file of cases"))?;
    let first: usize = first.parse().context("read the number of the first row")?;
    let rows = rows::read(path.as_ref())?;
    // A row that panics is told with its message; the trace would bury the report.
    std::panic::set_hook(Box::new(|_| {}));
    for (index, row) in rows.iter().enumerate().skip(first) {
        let told = json!({"row": index, "verdict": verdict::to_json(&judge(file, row))});
        let mut output = std::io::stdout().lock();
        writeln!(output, "\n{MARK}{told}").and_then(|()| output.flush())?;
    }
    Ok(())
}

/// Runs one row. A panic is a verdict.
pub fn judge(file: &CaseFile, row: &Row) -> Verdict {
    let fields = row.fields.as_ref().map_err(Failure::misread)?;
    environment::check(fields).map_err(Failure::Misread)?;
    catch_unwind(AssertUnwindSafe(|| (file.run)(fields)))
        .unwrap_or_else(|panic| Err(Failure::differs("no panic", told(&*panic))))
}

/// The message of a panic.
fn told(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a panic: {}", text.unwrap_or("without a message"))
}

/// A verdict in a line of a worker, and the row that it is about.
pub fn heard(line: &str) -> Option<(usize, Verdict)> {
    let (_, told) = line.rsplit_once(MARK)?;
    let told: Json = serde_json::from_str(told).ok()?;
    let row = usize::try_from(told["row"].as_u64()?).ok()?;
    Some((row, verdict::from_json(&told["verdict"])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: Json) -> Row {
        Row {
            id: String::new(),
            name: String::new(),
            fields: Ok(fields),
        }
    }

    #[test]
    fn a_panic_is_a_verdict() {
        let file = CaseFile {
            name: "x.jsonl",
            run: |_| panic!("deliberate {}", 1),
        };
        let verdict = judge(&file, &row(json!({})));
        assert_eq!(
            verdict,
            Err(Failure::differs("no panic", "a panic: deliberate 1"))
        );
    }

    #[test]
    fn verdicts_are_told_from_what_rows_print() {
        let told = json!({"row": 3, "verdict": {"is": "ran"}});
        let line = format!("printed by a row{MARK}{told}");
        let (index, verdict) = heard(&line).expect("a verdict");
        assert!(index == 3 && verdict.is_ok());
        assert!(heard("printed by a row").is_none());
    }
}
