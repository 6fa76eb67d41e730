//! `cli_lint`: the exit code and the complaints of `lint`.

use serde_json::Value as Json;

use super::product;
use crate::rows::{self, entries, in_folder, list};
use crate::verdict::{Failure, Pass, Verdict};

/// Runs `lint` as the row says.
pub fn run(row: &Json) -> Verdict {
    let folder = rows::folder()?;
    rows::write_files(row, folder.path())?;
    let mut command = product::command()?;
    for argument in product::arguments(list(row, "args")?)? {
        command.arg(in_folder(argument, folder.path()));
    }
    for (name, value) in entries(row, "env") {
        command.env(name, value.as_str().unwrap_or_default());
    }
    let output = product::run(command)?;
    let said = product::said(&output);
    let said = said.as_str();
    let expect = &row["expect"];
    rows::only(expect, &["exit_code", "output_contains"])?;
    let code = output.status.code();
    if code.map(i64::from) != expect["exit_code"].as_i64() {
        return Err(Failure::differs(
            format!("exit code {}", expect["exit_code"]),
            format!("{}: {said}", output.status),
        ));
    }
    for part in list(expect, "output_contains")? {
        let part = part.as_str().unwrap_or_default();
        if !said.contains(part) {
            return Err(Failure::differs(part, said));
        }
    }
    Ok(Pass::Ran)
}
