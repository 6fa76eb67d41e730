//! `cli_run`: what a config writes when it is run.

use std::path::Path;

use millrace_testkit::millrace::Millrace;
use serde_json::Value as Json;

use super::product;
use crate::rows::{self, entries, only, text};
use crate::verdict::{Failure, Pass, Verdict};

/// Runs the config of a row until it has written what is expected.
pub fn run(row: &Json) -> Verdict {
    let expect = &row["expect"];
    only(expect, &["file_contains"])?;
    let folder = rows::folder()?;
    let in_folder = |text: &str| text.replace("$OUT", &folder.path().join("out").to_string_lossy());
    let mut command = product::command()?;
    let config = text(row, "config")?;
    if !config.is_empty() {
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, in_folder(config))
            .map_err(|error| Failure::misread(format!("write the config: {error}")))?;
        command.arg("-c").arg(path);
    }
    // The admin server of one row must not be in the way of another program.
    command.args(["--set", "http.enabled=false"]);
    for (name, value) in entries(row, "env") {
        command.env(name, in_folder(value.as_str().unwrap_or_default()));
    }
    let mut running = Millrace::start(&mut command)
        .map_err(|error| Failure::misread(format!("run the binary: {error:#}")))?;
    for (name, part) in entries(expect, "file_contains") {
        let path = in_folder(name);
        let part = part.as_str().unwrap_or_default();
        let found = running.wait_for(name, product::TIME_MAX, |_| {
            contains(path.as_ref(), part).then_some(())
        });
        found.map_err(|error| Failure::differs(part, format!("{error:#}")))?;
    }
    Ok(Pass::Ran)
}

fn contains(path: &Path, part: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(part))
}
