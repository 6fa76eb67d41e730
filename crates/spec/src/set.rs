//! `--set path=value`: overrides of single fields.

use crate::env::InterpolatedText;
use crate::path::{self, Schema};
use crate::{Node, codes, tree};
use millrace_diagnostics::{Diagnostic, Diagnostics, SourceMap, Span};

/// Applies one `path=value` expression to a config. The value is YAML: `5` is a number, `[a, b]` a
/// list.
///
/// # Errors
/// An expression without `=` or without a value, a value that is no YAML, and a path that the
/// schema does not know; each points into the expression.
pub fn apply(
    root: &mut Node,
    expression: &str,
    schema: Schema<'_>,
    sources: &SourceMap,
) -> Result<(), Diagnostics> {
    let source = sources.add("--set", expression);
    let whole = Span::new(source, 0, expression.len());
    let refused = |span: Span, message: String, help: &str| {
        Diagnostics::from(
            Diagnostic::error(codes::BAD_SET, message)
                .at(span)
                .help(help),
        )
    };
    let parts = expression.split_once('=');
    let Some((path, text)) = parts.filter(|(path, text)| !path.is_empty() && !text.is_empty())
    else {
        let message = format!("invalid set expression '{expression}': expected foo=bar syntax");
        return Err(refused(
            whole,
            message,
            "for example `--set input.generate.count=5`",
        ));
    };
    let mut diagnostics = Diagnostics::new();
    let mut interpolated = InterpolatedText::verbatim(text, source);
    interpolated.map = crate::OffsetMap::shifted(path.len() + 1, text.len());
    let value = tree::parse(&interpolated, &mut diagnostics);
    let Some(value) = value.filter(|_| !diagnostics.has_errors()) else {
        return Err(diagnostics);
    };
    path::set(root, &path::from_dots(path), Some(value), schema).map_err(|reason| {
        let message = format!("failed to set config field override: {reason}");
        refused(
            whole.slice(0, path.len()),
            message,
            "the path names fields from the root of the config",
        )
    })
}
