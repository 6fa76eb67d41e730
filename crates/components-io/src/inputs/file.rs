//! The `file` input.

use std::path::PathBuf;

use millrace_component::{
    BuildContext, BuiltInput, Descriptor, InputConfig, InputPart, LeafInput, OldCodec,
    ReplayPolicy, ScannerChild,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::scanned::{ScannedInput, Stream};

/// Reads files from the local disk, one after the other, and ends after the last.
///
/// Paths may be patterns such as `data/*.csv`. A file is deleted, when `delete_on_finish` says
/// so, at the end of the input; it stays when one of its messages was not delivered or could not
/// be read, and when something was written to it, or another file moved to its place, after it was
/// read: a warning says so. A file that cannot be read to its end is an error of the input, after the other files.
///
/// Metadata: `path`, `mod_time_unix`, `mod_time` (RFC 3339).
#[derive(Clone, Debug, Spec)]
#[spec(input = "file", category = "Local", check = check)]
pub struct Config {
    /// Paths of files, or patterns; what matches a pattern is read in order of the names.
    #[spec(example = ["./messages/*.ndjson"], lint = check_patterns)]
    paths: Vec<String>,
    /// How each file is cut into messages.
    #[spec(default = {"lines": {}})]
    scanner: ScannerChild,
    /// How old configs say that.
    #[spec(flatten)]
    old_codec: OldCodec,
    /// Whether a file is deleted once all of it has been delivered.
    #[spec(default = false, advanced)]
    delete_on_finish: bool,
    /// Whether a message that was not delivered is sent again.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How it is sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

fn check(config: &mut Config, _: &Node, cx: &mut ReadContext) {
    config.old_codec.replace(&mut config.scanner, cx);
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let files = expand(&self.paths, cx)?.into_iter().map(Stream::File);
        let scanner = cx.scanner(&self.scanner, "scanner")?;
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Blocking(Box::new(ScannedInput::new(
                files,
                scanner,
                self.delete_on_finish,
                cx.identity(),
            ))),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        }))
    }

    fn forgets_acknowledged(&self) -> bool {
        self.delete_on_finish
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

/// Complains of patterns that are malformed.
pub(super) fn check_patterns(paths: &Vec<String>, node: &Node, cx: &mut ReadContext) {
    let items = node.as_sequence().into_iter().flatten();
    for (path, item) in paths.iter().zip(items) {
        if let Err(error) = millrace_component::files::check(path) {
            cx.error(codes::INVALID_VALUE, item.span, error.text());
        }
    }
}

/// The place of an input beside which there is no other.
const ONLY_INPUT: &str = "root.input";

/// The files that a list of paths and patterns names.
///
/// # Errors
/// A pattern is malformed, a folder cannot be read, or patterns name no file at all while nothing but
/// this input is read.
pub(super) fn expand(paths: &[String], cx: &BuildContext) -> Result<Vec<PathBuf>, Error> {
    let (mut files, mut without_files) = (Vec::new(), Vec::new());
    for path in paths {
        let found = millrace_component::files::expand(path)?;
        if found.is_empty() {
            without_files.push(format!("`{path}`"));
        }
        files.extend(found);
    }
    if without_files.is_empty() {
        return Ok(files);
    }
    let complaint = format!("paths: no file matches {}", without_files.join(" nor "));
    if files.is_empty() && cx.path() == ONLY_INPUT {
        return Err(Error::fatal(format!(
            "`{ONLY_INPUT}.{}`: {complaint}",
            cx.component()
        )));
    }
    cx.identity().log_warning(complaint);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, End, Workbench};

    #[tokio::test]
    async fn file_keeps_the_promises_of_an_input() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("a.txt", "one\ntwo\n"), ("b.txt", ""), ("c.txt", "\nthree")] {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let yaml = format!(
            "file: {{ paths: ['{}/*.txt'], delete_on_finish: false }}",
            folder.path().display()
        );
        let fresh = || Workbench::new([crate::INPUTS, crate::SCANNERS]).leaf_input(&yaml);
        let expected = ["one", "two", "", "three"];
        conformance::input_without_acks(fresh, End::Comes, &expected).await;
    }
}
