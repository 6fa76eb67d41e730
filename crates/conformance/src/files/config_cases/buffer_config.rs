//! `buffer_config`: configs of buffers that are right, that lint refuses, and that cannot be built.

use millrace_component::BufferChild;
use serde_json::Value as Json;

use crate::rows::text;
use crate::verdict::{Failure, Pass, Verdict};
use crate::workbench::{Bench, Read};

/// Lints and builds the buffer of a row.
pub fn run(row: &Json) -> Verdict {
    let expect = &row["expect"];
    crate::rows::only(expect, &["lint_error", "build_error"])?;
    let bench = Bench::of_row("", &Json::Null).map_err(Failure::misread)?;
    let read: Read<BufferChild> = bench.read(text(row, "buffer_yaml")?);
    let lines = read.lines().join("\n");
    let is_refused = |field: &str| expect[field].is_string();
    match (is_refused("lint_error"), read.errors.is_empty()) {
        (true, false) => {
            return Ok(if read.is_built {
                Pass::Ran
            } else {
                Pass::Linted
            });
        }
        // What Bento finds when it builds may be found before that.
        (false, false) if is_refused("build_error") => return Ok(Pass::Ran),
        (false, false) => return Err(Failure::differs("no complaint", lines)),
        (true, true) => {
            return Err(Failure::differs_json(
                &expect["lint_error"],
                &"clean".into(),
            ));
        }
        (false, true) if !read.is_built => return Ok(Pass::Linted),
        (false, true) => {}
    }
    let child = read
        .value
        .ok_or_else(|| Failure::differs("a buffer", "no config, and no complaint"))?;
    let built = child.config.build(&bench.context(child.name));
    match (is_refused("build_error"), built) {
        (true, Err(_)) | (false, Ok(_)) => Ok(Pass::Ran),
        (true, Ok(_)) => Err(Failure::differs_json(
            &expect["build_error"],
            &"built".into(),
        )),
        (false, Err(error)) => Err(Failure::differs("a buffer", error.to_string())),
    }
}
