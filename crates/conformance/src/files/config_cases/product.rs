//! The product as a process.

use millrace_testkit::millrace;
use serde_json::Value as Json;
use std::process::Command;

use crate::verdict::Failure;

/// A command that runs the product. Rows about `bento` and its variables mean this program.
///
/// # Errors
/// There is no binary.
pub fn command() -> Result<Command, Failure> {
    millrace::command().map_err(|error| Failure::misread(format!("{error:#}")))
}

/// The arguments of a row behind the name of the program.
///
/// # Errors
/// They are no texts, or begin with another name.
pub fn arguments<'r>(arguments: &'r [Json]) -> Result<Vec<&'r str>, Failure> {
    let words: Option<Vec<&str>> = arguments.iter().map(Json::as_str).collect();
    match words.as_deref() {
        Some(["bento" | "millrace", rest @ ..]) => Ok(rest.to_vec()),
        _ => Err(Failure::misread("the arguments are not those of `bento`")),
    }
}
