//! The `csv` input.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use millrace_component::{
    BuildContext, BuiltInput, Descriptor, InputConfig, InputPart, LeafInput, ReplayPolicy,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::file::{check_patterns, expand};
use super::scanned::{ScannedInput, Stream};
use crate::scanners::csv::{Delimiter, Metadata, ROW_MAX, Rows};

/// Reads CSV files row by row, one after the other, and ends after the last.
///
/// A row becomes an object by the names of the header row, or an array. A row with another number
/// of fields than the header is skipped with an error that names its line and counts as dropped, by
/// the reason `unreadable`, and so is one with a quote that nothing closes, which is all the rest of its
/// file; a row of more than 64 MiB ends its file. A file with such a row is not deleted by
/// `delete_on_finish`, and neither is one that was written to, or whose place another file has taken,
/// after it was read.
///
/// Metadata: `header` (the names of the header row), `path`, `mod_time_unix`, `mod_time`
/// (RFC 3339).
#[derive(Clone, Debug, Spec)]
#[spec(input = "csv", category = "Local", check = check)]
pub struct Config {
    /// Paths of files, or patterns.
    #[spec(example = ["./rows.csv"], lint = check_patterns)]
    paths: Vec<String>,
    /// Whether the first row of each file holds names.
    #[spec(default = true)]
    parse_header_row: bool,
    /// What separates fields.
    #[spec(default = ",")]
    delimiter: Delimiter,
    /// Whether a quote that nothing closes may end with the file. Quotes within a field that begins
    /// without one are taken as they stand in any case; behind a closing quote the field goes on.
    #[spec(default = false)]
    lazy_quotes: bool,
    /// Whether a file is deleted once all of it has been delivered.
    #[spec(default = false, advanced)]
    delete_on_finish: bool,
    /// How many rows make a batch.
    #[spec(default = 1, advanced)]
    batch_count: usize,
    /// Whether a message that was not delivered is sent again.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// The names that the header row must hold.
    #[spec(optional)]
    expected_headers: Option<Vec<String>>,
    /// How many fields each row must have.
    #[spec(optional)]
    expected_number_of_fields: Option<u64>,
    /// How a message is sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let expects = config
        .expected_headers
        .as_ref()
        .is_some_and(|it| !it.is_empty());
    if expects && !config.parse_header_row {
        let span = node.field_span("expected_headers");
        let message = "`expected_headers` cannot be checked without a header row";
        cx.error(codes::CONFLICT, span, message).help =
            Some("set `parse_header_row: true`, or remove it".to_owned());
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let rows = Rows {
            delimiter: self.delimiter,
            header: self.parse_header_row,
            continue_on_error: false,
            lazy_quotes: self.lazy_quotes,
            row_bytes_max: cx.bound(ROW_MAX),
            expected_headers: self.expected_headers.clone().unwrap_or_default(),
            expected_fields: self.expected_number_of_fields.filter(|it| *it > 0),
            batch: self.batch_count,
            metadata: Metadata::Header,
            identity: Arc::clone(cx.identity()),
            has_warned: AtomicBool::default(),
        };
        let files = expand(&self.paths, cx)?.into_iter().map(Stream::File);
        let rows = Arc::new(rows);
        let input = ScannedInput::new(files, rows, self.delete_on_finish, cx.identity());
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Blocking(Box::new(input)),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        }))
    }

    fn forgets_acknowledged(&self) -> bool {
        self.delete_on_finish
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, End, Workbench};

    #[tokio::test]
    async fn csv_keeps_the_promises_of_an_input() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [
            ("a.csv", "a,b\n1,x y\n2,\"\"\"q\"\"\"\n"),
            ("b.csv", "b\n3\n"),
        ] {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let yaml = format!("csv: {{ paths: ['{}/*.csv'] }}", folder.path().display());
        let fresh = || Workbench::new([crate::INPUTS, crate::SCANNERS]).leaf_input(&yaml);
        let expected = [
            r#"{"a":"1","b":"x y"}"#,
            r#"{"a":"2","b":"\"q\""}"#,
            r#"{"b":"3"}"#,
        ];
        conformance::input_without_acks(fresh, End::Comes, &expected).await;
    }
}
