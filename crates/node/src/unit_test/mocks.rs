//! The mocks of a case: what they replace in the config, and where labels stand then.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use millrace_spec::path::{self, Schema};
use millrace_spec::{Node, Value};

use super::case::Case;

/// Where each labelled component stands.
type Labels = BTreeMap<String, Vec<String>>;

/// The labels of a config whose components are being replaced. They are looked for anew only where a
/// mock may bring some: a config may have very many of them, and a test for each.
pub(super) struct Places<'c> {
    /// None while they have to be looked for.
    known: Option<Cow<'c, Labels>>,
    /// Where components were replaced since: what stood within them is gone.
    replaced: HashSet<Vec<String>>,
    /// Where mocks stand.
    mocks: Vec<Vec<String>>,
}

impl<'c> Places<'c> {
    /// Those of a config in which nothing is replaced yet.
    pub(super) fn of(labels: &'c Labels) -> Self {
        Self {
            known: Some(Cow::Borrowed(labels)),
            replaced: HashSet::new(),
            mocks: Vec::new(),
        }
    }

    /// Where mocks stand in the config.
    pub(super) fn mocks(&self) -> &[Vec<String>] {
        &self.mocks
    }

    /// Where the component of a label stands in this tree.
    pub(super) fn get(
        &mut self,
        label: &str,
        tree: &Node,
        schema: Schema<'_>,
    ) -> Option<Vec<String>> {
        let labels = || Cow::Owned(path::labels(tree, schema));
        let place = self.known.get_or_insert_with(labels).get(label)?;
        let is_gone = (1..place.len()).any(|depth| self.replaced.contains(&place[..depth]));
        (!is_gone).then(|| place.clone())
    }

    fn replace(&mut self, place: Vec<String>, mock: &Node) {
        self.mocks.push(place.clone());
        let is_plain = |it: &String| {
            it.parse()
                .is_ok_and(|number: usize| number.to_string() == *it)
        };
        let is_other = |it: &String| it.parse::<usize>().is_err();
        // One place may be written in several ways, such as `01`.
        let is_one = place.iter().all(|it| is_other(it) || is_plain(it));
        if is_one && mock.as_mapping().is_some() && !has_label(mock) {
            self.replaced.insert(place);
        } else {
            self.known = None;
            self.replaced.clear();
        }
    }
}

/// Puts the mocks of a case into the config: those by pointer first, since they may bring labels.
pub(super) fn replace_mocked(
    tree: &mut Node,
    case: &Case,
    places: &mut Places<'_>,
    schema: Schema<'_>,
) -> Result<(), String> {
    let Some(mocks) = &case.mocks else {
        return Ok(());
    };
    let (by_pointer, by_label): (Vec<_>, Vec<_>) =
        mocks.0.iter().partition(|(key, _)| key.starts_with('/'));
    for (pointer, mock) in by_pointer {
        let place = path::from_pointer(pointer)?;
        replace(tree, place.clone(), mock, schema)
            .map_err(|reason| format!("failed to set mock '{pointer}': {reason}"))?;
        places.replace(place, mock);
    }
    for (label, mock) in by_label {
        let place = places.get(label, tree, schema).ok_or_else(|| {
            format!(
                "mock for label '{label}' could not be applied as the label was not found in the \
                 test target file, it is not currently possible to mock resources imported \
                 separate to the test file"
            )
        })?;
        replace(tree, place.clone(), mock, schema)
            .map_err(|reason| format!("failed to set mock '{label}': {reason}"))?;
        places.replace(place, mock);
    }
    Ok(())
}

/// Whether a component may bring labels.
fn has_label(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(items) => items.iter().any(has_label),
        Value::Mapping(mapping) => {
            let mut entries = mapping.entries.iter();
            entries.any(|it| &*it.key == "label" || has_label(&it.value))
        }
    }
}

/// Replaces what stands at a path; a component that has a label hands it on.
fn replace(
    tree: &mut Node,
    mut place: Vec<String>,
    mock: &Node,
    schema: Schema<'_>,
) -> Result<(), String> {
    let replaced = path::get(tree, &place).ok();
    let label = replaced.and_then(|it| it.get("label")).cloned();
    let label = label.filter(|_| mock.as_mapping().is_some() && mock.get("label").is_none());
    let refused = |refused: path::Refused| refused.reason;
    path::set(tree, &place, Some(mock.clone()), schema).map_err(refused)?;
    if let Some(label) = label {
        place.push("label".to_owned());
        path::set(tree, &place, Some(label), schema).map_err(refused)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use millrace_component::Registry;
    use millrace_diagnostics::{Diagnostics, SourceMap};
    use millrace_spec::catalog::Catalog;
    use millrace_spec::env::InterpolatedText;
    use millrace_spec::{ComponentKind, ComponentSpec, Spec, tree};

    use super::super::read_case;
    use super::*;
    use crate::RootConfig;

    /// Counts how often components are looked up.
    struct Counting {
        registry: Arc<Registry>,
        count: AtomicUsize,
    }

    impl Catalog for Counting {
        fn component(&self, kind: ComponentKind, name: &str) -> Option<Arc<ComponentSpec>> {
            self.count.fetch_add(1, Ordering::Relaxed);
            self.registry.component(kind, name)
        }

        fn names(&self, kind: ComponentKind) -> Vec<String> {
            self.registry.names(kind)
        }
    }

    /// How many look-ups it takes to mock the last ones of so many processors, by their labels.
    fn lookups(processors: usize, mocks: usize) -> usize {
        let registry = Arc::new(crate::registry());
        let made = (0..processors).map(|it| format!("{{ label: l{it}, noop: {{}} }}"));
        let made: Vec<_> = made.collect();
        let text = format!("pipeline: {{ processors: [ {} ] }}", made.join(", "));
        let mocked = processors - mocks..processors;
        let mocked = mocked.map(|it| format!("l{it}: {{ mapping: root = {it} }}"));
        let mocked: Vec<_> = mocked.collect();
        let case = format!("{{ name: a, mocks: {{ {} }} }}", mocked.join(", "));
        let case = read_case(&case, &registry).unwrap();
        let source = SourceMap::new().add("c.yaml", &*text);
        let text = InterpolatedText::verbatim(&text, source);
        let config = tree::parse(&text, &mut Diagnostics::new()).unwrap();
        let fields = RootConfig::fields();
        let catalog = Counting {
            registry,
            count: AtomicUsize::new(0),
        };
        let schema = Schema {
            fields: &fields,
            catalog: &catalog,
        };
        let labels = path::labels(&config, schema);
        let before = catalog.count.load(Ordering::Relaxed);
        let (mut tree, mut places) = (config.clone(), Places::of(&labels));
        replace_mocked(&mut tree, &case, &mut places, schema).unwrap();
        let place = places.get(&format!("l{}", processors - 1), &tree, schema);
        let last = path::get(&tree, &place.unwrap()).unwrap();
        assert!(last.get("mapping").is_some());
        let unchanged = path::get(&config, &labels[&format!("l{}", processors - 1)]).unwrap();
        assert!(unchanged.get("noop").is_some());
        catalog.count.into_inner() - before
    }

    #[test]
    fn mocks_take_work_in_proportion_to_their_number_whatever_the_size_of_the_config() {
        let (one, few, many) = (lookups(10, 1), lookups(10, 10), lookups(100, 100));
        assert!(many <= 10 * few, "{few} and {many}");
        assert_eq!(lookups(1000, 1), one);
    }

    /// Where labels stand in a config after these mocks, with what replaces `a` labels included.
    fn place_after(mocks: &str, label: &str) -> Option<Vec<String>> {
        let registry = Arc::new(crate::registry());
        let text =
            "pipeline:\n  processors:\n    - { label: a, try: [ { label: b, noop: {} } ] }\n";
        let case = format!("{{ name: a, mocks: {mocks} }}");
        let case = read_case(&case, &registry).unwrap();
        let source = SourceMap::new().add("c.yaml", text);
        let text = InterpolatedText::verbatim(text, source);
        let mut tree = tree::parse(&text, &mut Diagnostics::new()).unwrap();
        let fields = RootConfig::fields();
        let schema = Schema {
            fields: &fields,
            catalog: &*registry,
        };
        let labels = path::labels(&tree, schema);
        let mut places = Places::of(&labels);
        replace_mocked(&mut tree, &case, &mut places, schema).unwrap();
        let found = places.get(label, &tree, schema);
        let again = path::labels(&tree, schema).remove(label);
        assert_eq!(found, again, "{mocks} {label}");
        found
    }

    #[test]
    fn labels_stand_where_a_look_at_the_whole_config_finds_them() {
        for (mocks, a, b) in [
            ("{ a: { noop: {} } }", true, false),
            ("{ b: { noop: {} } }", true, true),
            ("{ /pipeline/processors/0: { noop: {} } }", true, false),
            ("{ /pipeline/processors/00: { noop: {} } }", true, false),
            ("{ /pipeline/processors/0/try/0: { noop: {} } }", true, true),
            ("{ /pipeline/processors/0/try: [] }", true, false),
            ("{ /pipeline/processors/0/label: c }", false, true),
            ("{ a: { label: b, noop: {} } }", false, true),
        ] {
            assert_eq!(place_after(mocks, "a").is_some(), a, "{mocks}");
            assert_eq!(place_after(mocks, "b").is_some(), b, "{mocks}");
        }
    }
}
