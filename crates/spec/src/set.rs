//! `--set path=value`: overrides of single fields.

use crate::env::InterpolatedText;
use crate::path::{self, Schema};
use crate::{Node, codes, tree};
use millrace_diagnostics::{Diagnostic, Diagnostics, SourceMap, Span};

/// Applies one `path=value` expression to a config. The value is YAML: `5` is a number, `[a, b]` a
/// list.
///
/// The value may be a secret, and nobody knows where it ends up when the path is wrong: complaints
/// show the path and name the column, and stars stand for the value.
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
    let refused = |span: Option<Span>, message: String, help: &str| {
        let mut diagnostic = Diagnostic::error(codes::BAD_SET, message);
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        if let Some(span) = span {
            diagnostic = diagnostic.at(span);
        }
        Diagnostics::from(diagnostic)
    };
    let parts = expression.split_once('=');
    let Some((path, text)) = parts.filter(|(path, text)| !path.is_empty() && !text.is_empty())
    else {
        // No more than a path can have: what follows may be the value.
        let is_path = |c: char| c.is_alphanumeric() || "_-.~".contains(c);
        let end = expression.find(|c| !is_path(c)).unwrap_or(expression.len());
        let message = format!(
            "invalid set expression '{}': expected foo=bar syntax",
            &expression[..end]
        );
        return Err(refused(
            None,
            message,
            "for example `--set input.generate.count=5`",
        ));
    };
    let source = sources.add(format!("--set {path}"), format!("{path}={}", masked(text)));
    let whole = Span::new(source, 0, expression.len());
    let mut diagnostics = Diagnostics::new();
    let mut interpolated = InterpolatedText::verbatim(text, source);
    interpolated.map = crate::OffsetMap::shifted(path.len() + 1, text.len());
    let value = tree::parse(&interpolated, &mut diagnostics);
    let Some(value) = value.filter(|_| !diagnostics.has_errors()) else {
        // What the parser has to say may quote the value.
        let at = diagnostics.iter().find_map(|it| it.span);
        return Err(refused(
            Some(at.unwrap_or(whole)),
            format!("the value of `{path}` is not valid YAML"),
            "put the value in quotes: `--set \"path='value'\"`",
        ));
    };
    path::set(root, &path::from_dots(path), Some(value), schema).map_err(|it| {
        let message = format!("failed to set config field override: {}", it.reason);
        let (start, end) = segment(path, it.depth);
        let help = it.help.unwrap_or_default();
        refused(Some(whole.slice(start, end)), message, &help)
    })
}

/// Where the segment of this number, from 1 on, stands in a path with dots.
fn segment(path: &str, number: usize) -> (usize, usize) {
    let before = path.split('.').take(number.saturating_sub(1));
    let start: usize = before.map(|it| it.len() + 1).sum();
    let length = path.get(start..).and_then(|it| it.split('.').next());
    (start, start + length.map_or(0, str::len))
}

/// Stars for the text, of the same number of bytes.
fn masked(text: &str) -> String {
    let star = |c: char| {
        if c == '\n' {
            "\n".to_owned()
        } else {
            "*".repeat(c.len_utf8())
        }
    };
    text.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::KnownComponents;
    use millrace_diagnostics::Renderer;

    fn complaint(expression: &str) -> String {
        let sources = SourceMap::new();
        let id = sources.add("config.yaml", "");
        let text = InterpolatedText::verbatim("input: {}", id);
        let mut root = tree::parse(&text, &mut Diagnostics::new()).unwrap();
        let before = root.clone();
        let kind = |kind| crate::FieldKind::components(kind);
        let fields = [
            crate::FieldSpec::new(
                "input",
                crate::FieldKind::Map(Box::new(crate::FieldKind::String)),
            ),
            crate::FieldSpec::new("list", kind(crate::ComponentKind::Processor)),
        ];
        let schema = Schema {
            fields: &fields,
            catalog: &KnownComponents,
        };
        let refused = apply(&mut root, expression, schema, &sources).unwrap_err();
        assert_eq!(root, before, "{expression}");
        Renderer::new(&sources).render_all(&refused)
    }

    #[test]
    fn a_complaint_names_the_path_and_the_column_and_not_the_value() {
        for (expression, expected) in [
            (
                "input.password=[sw0rdfish",
                "the value of `input.password` is not valid YAML",
            ),
            (
                "input.password='sw0rdfish",
                "the value of `input.password` is not valid YAML",
            ),
            (
                "input.password={a: sw0rdfish, a: 1}",
                "the value of `input.password` is not valid YAML",
            ),
            ("inptu.password=sw0rdfish", "did you mean `input`?"),
            ("list=sw0rdfish", "list: expected a list of objects"),
            ("list=5", "give a list, `[ { … } ]`"),
            (
                "input.password:sw0rdfish",
                "'input.password': expected foo=bar syntax",
            ),
            ("=sw0rdfish", "expected foo=bar syntax"),
            (
                "input.password=",
                "'input.password': expected foo=bar syntax",
            ),
        ] {
            let complaint = complaint(expression);
            assert!(complaint.contains(expected), "{complaint}");
            assert!(!complaint.contains("fish"), "{complaint}");
        }
        let complaint = complaint("input.password={a: b, c: 'd}");
        assert!(complaint.contains("--set input.password:1:"), "{complaint}");
    }

    #[test]
    fn a_path_that_leads_nowhere_leaves_the_config_as_it_was() {
        for (expression, reason) in [
            ("input.a.b=1", "field not recognised"),
            ("list.-.mappin=1", "list.-.mappin: field not recognised"),
            ("list.-.branch.processors.-.x=1", "field not recognised"),
            ("list.1.log=1", "target index greater than array length"),
            ("list.-=1", "expected an object"),
        ] {
            // It says so when the config has changed.
            let complaint = complaint(expression);
            assert!(complaint.contains(reason), "{complaint}");
        }
    }

    #[test]
    fn the_segment_that_leads_nowhere_is_marked() {
        let complaint = complaint("inptu.password=x");
        assert!(complaint.contains(" | ^^^^^\n"), "{complaint}");
        assert_eq!(segment("a.bc.d", 1), (0, 1));
        assert_eq!(segment("a.bc.d", 2), (2, 4));
        assert_eq!(segment("a.bc.d", 3), (5, 6));
    }
}
