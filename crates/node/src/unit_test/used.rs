//! The resources that what a case targets uses, and those that these use.
//!
//! The others are not read: a config may have very many tests and resources, and each test has
//! resources of its own.

use std::collections::HashSet;

use millrace_component::{CacheChild, ProcessorChild, RateLimitChild, resources_named};
use millrace_spec::{ComponentKind, FieldType, Node, ReadContext};
use millrace_stream::PlacedResources;

/// A resource: its kind and its label.
pub(super) type Resource = (ComponentKind, String);

/// The kinds that processors can use.
const OF_PROCESSORS: [ComponentKind; 3] = [
    ComponentKind::Processor,
    ComponentKind::Cache,
    ComponentKind::RateLimit,
];

/// The resources that are used.
#[derive(Default)]
pub(super) struct Used {
    /// What was read of them.
    pub(super) resources: PlacedResources,
    /// Which they are.
    pub(super) found: Vec<Resource>,
}

/// Reads these resources, and those that they use, from a config and files of further ones; what is
/// not there is left out. Nothing is given when one of them cannot be read.
pub(super) fn read(files: &[&Node], first: Vec<Resource>, cx: &mut ReadContext) -> Option<Used> {
    let mut used = Used::default();
    let (mut waiting, mut seen, mut heard) = (first, HashSet::new(), 0);
    while let Some(resource) = waiting.pop() {
        if !seen.insert(resource.clone()) {
            continue;
        }
        // Where two have the label, reading the second one complains of it.
        for (place, node) in find(files, &resource) {
            used.add(&resource, place, node, cx)?;
        }
        let more = resources_named(heard, cx);
        heard += more.len();
        waiting.extend(more);
    }
    Some(used)
}

fn list(kind: ComponentKind) -> String {
    format!("{kind}_resources")
}

/// The resources that stand at these places of a config, or around them.
pub(super) fn at(places: &[Vec<String>], tree: &Node) -> Vec<Resource> {
    let mut resources = Vec::new();
    for place in places {
        let kind = OF_PROCESSORS
            .iter()
            .find(|it| Some(&list(**it)) == place.first());
        let items = kind.and_then(|kind| tree.get(&list(*kind))?.as_sequence());
        let (Some(kind), Some(items)) = (kind, items) else {
            continue;
        };
        let items = match place.get(1).map(|it| it.parse::<usize>()) {
            Some(Ok(index)) => items.get(index..=index),
            // The last one was added.
            Some(Err(_)) => items.len().checked_sub(1).map(|last| &items[last..]),
            None => Some(items),
        };
        let labels = items.into_iter().flatten().filter_map(|it| it.get("label"));
        let labels = labels.filter_map(Node::text);
        resources.extend(labels.map(|label| (*kind, label.to_owned())));
    }
    resources
}

/// The resources of this label, each with its place in the list of all files.
fn find<'n>(files: &[&'n Node], (kind, label): &Resource) -> Vec<(usize, &'n Node)> {
    let list = list(*kind);
    let lists = files
        .iter()
        .filter_map(|file| file.get(&list)?.as_sequence());
    let is_it = |(_, item): &(usize, &Node)| {
        let found = item.get("label").and_then(Node::text);
        found == Some(label.as_str())
    };
    lists.flatten().enumerate().filter(is_it).collect()
}

impl Used {
    fn add(
        &mut self,
        resource: &Resource,
        place: usize,
        node: &Node,
        cx: &mut ReadContext,
    ) -> Option<()> {
        let kind = resource.0;
        let resources = &mut self.resources;
        match kind {
            ComponentKind::Processor => {
                let read = read_at::<ProcessorChild>(kind, place, node, cx)?;
                resources.processors.push((place, read));
            }
            ComponentKind::Cache => {
                let read = read_at::<CacheChild>(kind, place, node, cx)?;
                resources.caches.push((place, read));
            }
            ComponentKind::RateLimit => {
                let read = read_at::<RateLimitChild>(kind, place, node, cx)?;
                resources.rate_limits.push((place, read));
            }
            // Processors have no use for them.
            _ => {}
        }
        self.found.push(resource.clone());
        Some(())
    }
}

fn read_at<T: FieldType>(
    kind: ComponentKind,
    place: usize,
    node: &Node,
    cx: &mut ReadContext,
) -> Option<T> {
    cx.within("root", |cx| {
        cx.within(list(kind), |cx| {
            let (read, has_failed) =
                cx.errors_in(|cx| cx.within(place.to_string(), |cx| T::read(node, cx)));
            read.filter(|_| !has_failed)
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millrace_diagnostics::{Diagnostics, SourceMap};
    use millrace_spec::env::InterpolatedText;
    use millrace_spec::tree;

    use super::*;

    const CONFIG: &str = "
processor_resources:
  - { label: a, mapping: root = nope( }
  - { label: b, cache: { resource: c, operator: get, key: k } }
  - { label: d, try: [ { resource: b }, { resource: d } ] }
cache_resources:
  - { label: other, nope: {} }
  - { label: c, memory: {} }
";
    const FURTHER: &str = "processor_resources: [ { label: e, try: [ { resource: d } ] } ]";

    #[test]
    fn the_resources_around_places_are_known() {
        let source = SourceMap::new().add("c.yaml", CONFIG);
        let text = InterpolatedText::verbatim(CONFIG, source);
        let config = tree::parse(&text, &mut Diagnostics::new()).unwrap();
        for (place, expected) in [
            ("/processor_resources/1/cache/key", &["b"][..]),
            ("/processor_resources/-", &["d"]),
            ("/cache_resources", &["other", "c"]),
            ("/cache_resources/7", &[]),
            ("/pipeline/processors/0", &[]),
            ("", &[]),
        ] {
            let place = millrace_spec::path::from_pointer(place).unwrap();
            let found = at(&[place], &config);
            let labels: Vec<_> = found.iter().map(|(_, label)| label.as_str()).collect();
            assert_eq!(labels, expected);
        }
    }

    #[test]
    fn what_nothing_reaches_is_not_read_and_the_rest_keeps_its_place() {
        let sources = Arc::new(SourceMap::new());
        let parsed = |text: &str| {
            let text = InterpolatedText::verbatim(text, sources.add("c.yaml", text));
            tree::parse(&text, &mut Diagnostics::new()).unwrap()
        };
        let files = [parsed(CONFIG), parsed(FURTHER)];
        let mut cx = ReadContext::new(Arc::clone(&sources));
        cx.set_extension(Arc::new(crate::registry()));
        let first = (ComponentKind::Processor, "e".to_owned());
        let used = read(&files.each_ref(), vec![first], &mut cx).unwrap();
        assert!(!cx.diagnostics().has_errors());
        let places = used.resources.processors.iter();
        let places: Vec<_> = places.map(|(place, it)| (*place, &*it.label)).collect();
        assert_eq!(places, [(3, "e"), (2, "d"), (1, "b")]);
        let caches = used.resources.caches.iter();
        let caches: Vec<_> = caches.map(|(place, it)| (*place, &*it.label)).collect();
        assert_eq!(caches, [(1, "c")]);
        let broken = (ComponentKind::Processor, "a".to_owned());
        assert!(read(&files.each_ref(), vec![broken], &mut cx).is_none());
    }
}
