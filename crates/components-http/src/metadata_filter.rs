//! Which metadata or header names are meant: by prefix, or by regular expression.

use millrace_spec::{Node, ReadContext, Spec, codes};
use regex::Regex;

/// Names that begin with one of the prefixes, or match one of the patterns; none by default.
#[derive(Clone, Debug, Default, Spec)]
#[spec(check = check)]
pub(crate) struct MetadataFilter {
    /// Prefixes of names to include.
    #[spec(default = [])]
    include_prefixes: Vec<String>,
    /// Regular expressions that match names to include.
    #[spec(default = [])]
    include_patterns: Vec<String>,
}

fn check(filter: &mut MetadataFilter, node: &Node, cx: &mut ReadContext) {
    let list = node.get("include_patterns").and_then(Node::as_sequence);
    for (index, pattern) in filter.include_patterns.iter().enumerate() {
        if let Err(error) = Regex::new(pattern) {
            let span = list
                .and_then(|list| list.get(index))
                .map_or(node.span, |it| it.span);
            cx.error(
                codes::INVALID_VALUE,
                span,
                format!("pattern `{pattern}`: {error}"),
            );
        }
    }
}

impl MetadataFilter {
    /// The filter, ready for use.
    pub(crate) fn compile(&self) -> NameFilter {
        let patterns = self.include_patterns.iter();
        NameFilter {
            prefixes: self.include_prefixes.clone(),
            patterns: patterns
                .map(|it| Regex::new(it).expect("the pattern was checked when it was read"))
                .collect(),
        }
    }
}

/// A compiled [`MetadataFilter`].
#[derive(Debug)]
pub(crate) struct NameFilter {
    prefixes: Vec<String>,
    patterns: Vec<Regex>,
}

impl NameFilter {
    /// Whether no name is ever included.
    pub(crate) fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && self.patterns.is_empty()
    }

    /// Whether the name is included.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.prefixes.iter().any(|it| name.starts_with(&**it))
            || self.patterns.iter().any(|it| it.is_match(name))
    }
}
