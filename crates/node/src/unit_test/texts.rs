//! The texts of configs that cases are made from, without the tests in them.
//!
//! A config is parsed once for all cases but those that set a variable of its text. The tests that
//! stand in the config are no part of what a case targets, and there may be very many of them: they are
//! left out once, so that what a case costs does not grow with their number.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use millrace_diagnostics::{Diagnostics, SourceId, SourceMap};
use millrace_spec::env::{Environment, InterpolatedText, interpolate, interpolate_without};
use millrace_spec::path::{self, Schema};
use millrace_spec::{Entry, Node, tree};
use parking_lot::Mutex;

use super::case::Case;
use crate::load::{Loader, ParsedText, read_text};

/// The field that is left out.
const TESTS: &str = "tests";

/// What follows its name instead of the tests.
const NONE: &str = ": ~";

/// The files that the cases of a target have read. Each is read once: its text belongs to the target's
/// sources, whatever the number of cases.
#[derive(Default)]
pub struct Texts {
    read: Mutex<HashMap<PathBuf, Arc<ConfigText>>>,
}

/// A config as a case has it, with the variables of that case.
pub(super) struct ConfigTree {
    parsed: ParsedText,
    labels: OnceLock<BTreeMap<String, Vec<String>>>,
}

impl ConfigTree {
    fn of(text: InterpolatedText) -> Self {
        Self {
            parsed: ParsedText::of(text),
            labels: OnceLock::new(),
        }
    }

    /// What the config says.
    pub(super) fn root(&self) -> Option<&Node> {
        self.parsed.tree.as_ref()
    }

    /// Where each labelled component stands.
    pub(super) fn labels(&self, schema: Schema<'_>) -> &BTreeMap<String, Vec<String>> {
        let labels = || self.root().map(|it| path::labels(it, schema));
        self.labels.get_or_init(|| labels().unwrap_or_default())
    }
}

impl Texts {
    /// A config with the variables of a case, whose loader is given, and without the tests in it; with
    /// `base` alone, if the case sets none of those that the config has. What is wrong with the file is
    /// reported; nothing is given when it cannot be read at all.
    pub(super) fn tree(
        &self,
        file: &Path,
        sources: &SourceMap,
        case: &Case,
        base: &Environment,
        loader: &mut Loader,
    ) -> Option<Arc<ConfigTree>> {
        let text = match self.get(file, sources, &loader.environment) {
            Ok(text) => text,
            Err(error) => {
                loader.refuse_file(file, &error);
                return None;
            }
        };
        let shared = text.shared.get_or_init(|| text.parsed(base));
        let mut set = case.environment.iter().flat_map(|it| &it.0);
        let tree = match set.any(|(name, _)| shared.parsed.has_variable(name)) {
            true => text.parsed(&loader.environment),
            false => Arc::clone(shared),
        };
        loader.note(&tree.parsed);
        tree.root().is_some().then_some(tree)
    }

    fn get(
        &self,
        file: &Path,
        sources: &SourceMap,
        environment: &Environment,
    ) -> Result<Arc<ConfigText>, String> {
        let mut read = self.read.lock();
        if let Some(text) = read.get(file) {
            return Ok(Arc::clone(text));
        }
        let text = read_text(file)?;
        let source = sources.add(file.display().to_string(), &*text);
        let text = Arc::new(ConfigText::new(text, source, environment));
        read.insert(file.to_owned(), Arc::clone(&text));
        Ok(text)
    }
}

/// The text of a config.
struct ConfigText {
    text: String,
    source: SourceId,
    /// Where the tests stand, with the colon before them; `None` when there are none, or when the rest
    /// would be another one without them.
    tests: Option<Range<usize>>,
    /// What cases share that set none of its variables.
    shared: OnceLock<Arc<ConfigTree>>,
    /// How often it was parsed for a case.
    #[cfg(test)]
    parsed: std::sync::atomic::AtomicUsize,
}

impl ConfigText {
    fn new(text: String, source: SourceId, environment: &Environment) -> Self {
        let whole = interpolate(&text, source, environment);
        let tests = parsed(&whole).and_then(|tree| {
            let entries = &tree.as_mapping()?.entries;
            let tests = entries.iter().find(|it| &*it.key == TESTS)?;
            let range = tests.key_span.end as usize..tests.value.span.end as usize;
            // An alias stands elsewhere.
            let follows = tests.value.span.start > tests.key_span.end;
            let left = follows
                .then(|| interpolate_without(&text, source, environment, range.clone(), NONE))?;
            // Tests may hold anchors that the rest refers to, or the end of a variable that begins
            // before them.
            let rest = parsed(&left)?;
            let is_same = others(entries).eq(others(&rest.as_mapping()?.entries));
            is_same.then_some(range)
        });
        Self {
            text,
            source,
            tests,
            shared: OnceLock::new(),
            #[cfg(test)]
            parsed: Default::default(),
        }
    }

    fn parsed(&self, environment: &Environment) -> Arc<ConfigTree> {
        #[cfg(test)]
        self.parsed
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(ConfigTree::of(self.interpolated(environment)))
    }

    fn interpolated(&self, environment: &Environment) -> InterpolatedText {
        match &self.tests {
            None => interpolate(&self.text, self.source, environment),
            Some(tests) => {
                interpolate_without(&self.text, self.source, environment, tests.clone(), NONE)
            }
        }
    }
}

fn parsed(text: &InterpolatedText) -> Option<Node> {
    let mut faults = Diagnostics::new();
    let tree = tree::parse(text, &mut faults);
    tree.filter(|_| faults.is_empty())
}

fn others(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|it| &*it.key != TESTS)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use millrace_spec::LintOptions;

    use super::super::read_case;
    use super::*;

    /// How often a config is parsed for these cases, each with what it reads at `/a`.
    fn parses(text: &str, cases: &[(&str, &str)]) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.yaml");
        std::fs::write(&file, text).unwrap();
        let registry = Arc::new(crate::registry());
        let (sources, texts) = (Arc::new(SourceMap::new()), Texts::default());
        let base = Environment::empty();
        for (case, expected) in cases {
            let case = read_case(case, &registry).unwrap();
            let mut loader = Loader::new(Arc::clone(&sources), LintOptions::default(), &registry);
            loader.environment = base.clone();
            let own = case.environment.iter().flat_map(|it| it.0.iter().cloned());
            loader.environment.extend(own);
            let tree = texts.tree(&file, &sources, &case, &base, &mut loader);
            let tree = tree.unwrap();
            let found = tree.root().unwrap().get("a").and_then(Node::text);
            assert_eq!(found, Some(*expected));
        }
        let read = texts.read.lock();
        read[&file].parsed.load(Ordering::Relaxed)
    }

    #[test]
    fn a_config_is_parsed_once_for_all_cases_that_set_none_of_its_variables() {
        let config = "a: ${A:1}\nb: ${B}\n";
        let (plain, other) = ("name: x", "{ name: x, environment: { C: 5 } }");
        let own = "{ name: x, environment: { A: 2 } }";
        assert_eq!(parses(config, &[(plain, "1"); 100]), 1);
        assert_eq!(
            parses(config, &[(other, "1"), (plain, "1"), (other, "1")]),
            1
        );
        assert_eq!(parses(config, &[(own, "2"), (plain, "1"), (own, "2")]), 3);
        let missing = "{ name: x, environment: { B: 2 } }";
        assert_eq!(parses(config, &[(plain, "1"), (missing, "1")]), 2);
    }

    /// What a case reads of a config, and what it makes of it.
    fn read(text: &str) -> (String, Option<Node>) {
        let sources = SourceMap::new();
        let environment = Environment::empty();
        let text = ConfigText::new(text.to_owned(), sources.add("c.yaml", text), &environment);
        let read = text.interpolated(&environment);
        let tree = parsed(&read);
        (read.text, tree)
    }

    #[test]
    fn what_a_case_reads_does_not_grow_with_the_tests_in_its_config() {
        let one = "{ name: a, output_batches: [[{ content_equals: x }]] }";
        let styles = [
            ("before: 1\ntests:\n", "  - ", "\n", "\nafter: 2\n"),
            (
                "before: 1\ntests:\n",
                "- ",
                "\n",
                "\n# a comment\nafter: 2\n",
            ),
            ("tests: # all\n", "  - ", "\n", ""),
            ("{\"tests\" : [", "", ",", "], after: 2}"),
            ("before: 1\n'tests': &t [", "", ",", "]\n"),
            ("tests:\n", "  - ", "\n  - *one\n", "\n  - *one\nafter: 2\n"),
        ];
        for (before, item, between, after) in styles {
            let config = |count: usize| {
                let mut tests = vec![format!("{item}{one}"); count].join(between);
                if between.contains('*') {
                    tests = tests.replacen("{ name", "&one { name", 1);
                }
                format!("{before}{tests}{after}")
            };
            let (few, many) = (read(&config(1)), read(&config(1000)));
            assert!(few.1.is_some(), "{}", few.0);
            assert_eq!(few.0, many.0);
        }
    }

    #[test]
    fn the_rest_keeps_its_places_and_variables() {
        let text = "a: ${A:1}\ntests:\n  - { name: ${NOT_LOOKED_AT} }\nb: [${B:2}, c]\n";
        let sources = SourceMap::new();
        let source = sources.add("c.yaml", text);
        let mut environment = Environment::empty();
        let prepared = ConfigText::new(text.to_owned(), source, &environment);
        environment.set("B", "other");
        let read = prepared.interpolated(&environment);
        assert_eq!(read.text, "a: 1\ntests: ~\nb: [other, c]\n");
        assert!(read.missing.is_empty());
        let names: Vec<_> = read.uses.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["A", "B"]);
        let whole = parsed(&interpolate(text, source, &environment)).unwrap();
        let tree = parsed(&read).unwrap();
        assert_eq!(tree.get("a"), whole.get("a"));
        assert_eq!(tree.get("b"), whole.get("b"));
    }

    #[test]
    fn tests_stay_where_the_rest_needs_them() {
        for text in [
            "tests: [{ name: &name x }]\nlabel: *name\n",
            "a: &t [1]\ntests: *t\nb: 2\n",
            "a: ${A:b\ntests: []\nc: d}\n",
            "? tests\n: [1]\n",
            "tests: [1]\ntests: [2]\n",
        ] {
            let sources = SourceMap::new();
            let source = sources.add("c.yaml", text);
            let environment = Environment::empty();
            let whole = interpolate(text, source, &environment);
            assert_eq!(read(text).0, whole.text, "{text}");
        }
    }
}
