//! Which metadata or header names are meant: by prefix, or by regular expression.

use millrace_spec::Spec;

use crate::Pattern;

/// Names that begin with one of the prefixes, or match one of the patterns; none by default.
#[derive(Clone, Debug, Default, Spec)]
pub struct MetadataFilter {
    /// Prefixes of names to include.
    #[spec(default = [])]
    include_prefixes: Vec<String>,
    /// Regular expressions that match names to include.
    #[spec(default = [])]
    include_patterns: Vec<Pattern>,
}

impl MetadataFilter {
    /// The filter, ready for use.
    pub fn compile(&self) -> NameFilter {
        NameFilter {
            prefixes: self.include_prefixes.clone(),
            patterns: self.include_patterns.clone(),
        }
    }
}

/// A compiled [`MetadataFilter`].
#[derive(Debug)]
pub struct NameFilter {
    prefixes: Vec<String>,
    patterns: Vec<Pattern>,
}

impl NameFilter {
    /// Whether no name is ever included.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && self.patterns.is_empty()
    }

    /// Whether the name is included.
    pub fn includes(&self, name: &str) -> bool {
        self.prefixes.iter().any(|it| name.starts_with(&**it))
            || self.patterns.iter().any(|it| it.regex().is_match(name))
    }
}

/// All names but those that begin with one of the prefixes.
#[derive(Clone, Debug, Default, Spec)]
pub struct MetadataExclusion {
    /// Metadata whose name begins with one of these stay behind.
    #[spec(default = [])]
    exclude_prefixes: Vec<String>,
}

impl MetadataExclusion {
    /// Whether the name stays behind.
    pub fn excludes(&self, name: &str) -> bool {
        self.exclude_prefixes
            .iter()
            .any(|it| name.starts_with(&**it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Workbench;

    fn read<T: millrace_spec::FieldType>(yaml: &str) -> Result<T, String> {
        Workbench::new([]).read(yaml)
    }

    #[test]
    fn names_are_included_by_prefix_or_by_pattern() {
        let filter: MetadataFilter =
            read("{include_prefixes: [fo], include_patterns: ['a.$']}").expect("a filter");
        let filter = filter.compile();
        let included = |name| filter.includes(name);
        assert!(included("foo") && included("bar") && !included("barn") && !filter.is_empty());
        let none: MetadataFilter = read("{}").expect("a filter");
        assert!(none.compile().is_empty() && !none.compile().includes("foo"));
        let all: MetadataFilter = read("include_prefixes: ['']").expect("a filter");
        assert!(all.compile().includes("foo"));
    }

    #[test]
    fn patterns_are_those_of_the_language() {
        let filter: MetadataFilter = read(r"include_patterns: ['^\d+$']").expect("a filter");
        let filter = filter.compile();
        // In Go's dialect digits are those of ASCII.
        assert!(filter.includes("12") && !filter.includes("\u{661}\u{662}"));
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_at_its_place() {
        let error = read::<MetadataFilter>("include_patterns: [a, '(']");
        assert!(error.is_err_and(|error| error.contains("test.yaml:1:23")));
    }

    #[test]
    fn names_stay_behind_by_prefix() {
        let filter: MetadataExclusion = read("exclude_prefixes: [b]").expect("a filter");
        assert!(filter.excludes("bar") && !filter.excludes("foo"));
        assert!(!MetadataExclusion::default().excludes("foo"));
    }
}
