//! Generates the table of known components from Bento's field schemas, and checks that the
//! committed one is current. `UPDATE_GENERATED=1` rewrites it.
//!
//! Only facts go into the table: names, types, defaults, flags. What the schemas leave open is
//! taken from the sample config of the component: a field is advanced when the short sample leaves
//! it out, and required when the full sample says so.

#![allow(clippy::unwrap_used, reason = "the rows have what the schemas promise")]

use millrace_spec::known::KnownComponents;
use millrace_spec::{Catalog, ComponentKind, FieldKind, Literal};
use millrace_testkit::cases;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/known/components.txt");

/// A field and what is below it.
#[derive(Default)]
struct Node {
    row: Option<Json>,
    children: BTreeMap<usize, (String, Node)>,
    is_list: bool,
    is_map: bool,
}

impl Node {
    fn child(&mut self, name: &str) -> &mut Self {
        let at = self
            .children
            .iter()
            .find(|(_, (it, _))| it == name)
            .map(|(at, _)| *at);
        let at = at.unwrap_or(self.children.len());
        &mut self
            .children
            .entry(at)
            .or_insert_with(|| (name.to_owned(), Self::default()))
            .1
    }

    /// Walks down a path such as `cases[].check` or `branches.<name>.processors`.
    fn at(&mut self, path: &str) -> &mut Self {
        let mut node = self;
        for segment in path.split('.') {
            if segment == "<name>" {
                node.is_map = true;
                continue;
            }
            let (name, is_list) = match segment.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (segment, false),
            };
            if !name.is_empty() {
                node = node.child(name);
            }
            node.is_list |= is_list;
        }
        node
    }
}

/// The comments of a sample config by path: `No default (required)` and the like; a path without
/// a comment has an empty one.
fn sample_paths(sample: &str, name: &str) -> HashMap<String, String> {
    let mut stack: Vec<(usize, String)> = Vec::new();
    let mut found = HashMap::new();
    for line in sample.lines() {
        let indent = line.len() - line.trim_start().len();
        let Some((key, rest)) = line.trim_start().split_once(':') else {
            continue;
        };
        if key.starts_with(['-', '#', ' ']) {
            continue;
        }
        stack.retain(|(at, _)| *at < indent);
        stack.push((indent, key.to_owned()));
        let keys: Vec<_> = stack.iter().map(|(_, key)| key.as_str()).collect();
        let start = keys
            .iter()
            .position(|key| *key == name)
            .map_or(keys.len(), |it| it + 1);
        let comment = rest.split_once("# ").map_or("", |(_, comment)| comment);
        let value = rest.split("# ").next().unwrap_or_default().trim();
        found.insert(keys[start..].join("."), format!("{value}#{comment}"));
    }
    found
}

struct Component<'a> {
    full: HashMap<String, String>,
    common: HashMap<String, String>,
    row: &'a Json,
}

impl Component<'_> {
    fn lines(&self) -> String {
        let mut root = Node::default();
        for field in self.row["fields"].as_array().unwrap() {
            root.at(field["path"].as_str().unwrap()).row = Some(field.clone());
        }
        let text = |key: &str| self.row[key].as_str().unwrap();
        let (kind, name, status) = (text("kind"), text("name"), text("status"));
        let body = self.body(&root, kind, name);
        let mut out = format!("@{kind} {name} {status} {body}\n");
        self.fields(&mut out, &root, "", 0);
        out
    }

    /// The kind of what stands under the component's name.
    fn body(&self, root: &Node, kind: &str, name: &str) -> String {
        let wrap = if root.is_list {
            "list:"
        } else if root.is_map {
            "map:"
        } else {
            ""
        };
        if !root.children.is_empty() {
            return format!("{wrap}object");
        }
        let value = self.full.get("").map_or("", String::as_str);
        let word = match (kind, name, value.split('#').next().unwrap_or_default()) {
            (_, _, "{}") => "object",
            (_, "mapping" | "mutation" | "bloblang", _) => "mapping",
            (_, "reject", _) => "interpolated",
            ("output", _, "[]") => "list:output",
            ("output", _, "null") => "output",
            ("processor", _, "[]") => "list:processor",
            (_, _, "[]") => "list:string",
            _ => "string",
        };
        word.to_owned()
    }

    fn fields(&self, out: &mut String, node: &Node, path: &str, depth: usize) {
        for (name, child) in node.children.values() {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let empty = Json::Null;
            let row = child.row.as_ref().unwrap_or(&empty);
            let mut line = format!("{:depth$}{name} {}", "", field_kind(name, child, row));
            // `delim:x` stands for a pattern: then the options are no complete list.
            let options = row["options"].as_array().map_or(&[][..], Vec::as_slice);
            let options: Vec<_> = options.iter().map(|it| it.as_str().unwrap()).collect();
            if !options.is_empty() && !options.iter().any(|it| it.contains(':')) {
                let _ = write!(line, " options:{}", options.join("|"));
            }
            let sample = self.full.get(&path).map_or("", String::as_str);
            let flags = [
                ("secret", row["secret"] == true),
                (
                    "advanced",
                    self.full.contains_key(&path) && !self.common.contains_key(&path),
                ),
                ("required", sample.contains("(required)")),
                ("optional", sample.contains("(optional)")),
            ];
            for (flag, _) in flags.iter().filter(|(_, set)| *set) {
                let _ = write!(line, " {flag}");
            }
            if let Some(default) = row.get("default") {
                let _ = write!(line, " ={default}");
            }
            let _ = writeln!(out, "{line}");
            self.fields(out, child, &path, depth + 1);
        }
    }
}

fn field_kind(name: &str, node: &Node, row: &Json) -> String {
    let wrap = match (node.is_list, node.is_map) {
        (true, true) => "list:map:",
        (true, false) => "list:",
        (false, true) => "map:",
        (false, false) => "",
    };
    let kind = row["type"].as_str().unwrap_or("object");
    let prose = row["description"].as_str().unwrap_or_default();
    match kind {
        _ if !node.children.is_empty() => format!("{wrap}object"),
        "object" => "map:any".to_owned(),
        "two-dimensional array" => "list:list:string".to_owned(),
        "array" => match name {
            "processors" => "list:processor",
            "inputs" => "list:input",
            "outputs" => "list:output",
            _ if row["default"]
                .as_array()
                .is_some_and(|it| it.iter().any(Json::is_number)) =>
            {
                "list:int"
            }
            _ => "list:any",
        }
        .to_owned(),
        "unknown" => "any".to_owned(),
        "string" if row["interpolated"] == true => "interpolated".to_owned(),
        "string" if is_mapping(name, prose) => "mapping".to_owned(),
        other => other.to_owned(),
    }
}

/// The schemas call a mapping a string; its name and what is said of it tell.
fn is_mapping(name: &str, prose: &str) -> bool {
    let named = name.ends_with("mapping") || name.ends_with("_map") || name == "check";
    named && prose.contains("loblang")
}

fn generated() -> Option<String> {
    let schemas = cases::rows("components.jsonl");
    let texts = schemas.iter().map(|row| {
        let text = |key: &str| row[key].as_str().unwrap();
        let paths = |key: &str| sample_paths(text(key), text("name"));
        Component {
            full: paths("config_full"),
            common: paths("config_common"),
            row,
        }
        .lines()
    });
    let text: String = texts.collect();
    (!text.is_empty()).then_some(text)
}

#[test]
fn the_committed_table_is_what_the_schemas_say() {
    let Some(text) = generated() else { return };
    let committed = std::fs::read_to_string(COMMITTED).unwrap();
    if committed != text {
        if std::env::var("UPDATE_GENERATED").is_ok() {
            std::fs::write(COMMITTED, text).unwrap();
        }
        panic!(
            "src/known/components.txt is out of date; run with UPDATE_GENERATED=1 and commit it"
        );
    }
}

#[test]
fn the_lines_of_a_component_are_read_once() {
    let kafka = || KnownComponents.component(ComponentKind::Output, "kafka");
    assert!(Arc::ptr_eq(&kafka().unwrap(), &kafka().unwrap()));
    let unknown = KnownComponents.component(ComponentKind::Output, "nope");
    assert!(unknown.is_none());
}

#[test]
fn every_kind_of_component_is_known_with_its_fields() {
    let count = |kind| KnownComponents.names(kind).len();
    let counts: Vec<_> = ComponentKind::ALL.into_iter().map(count).collect();
    assert_eq!(counts, [66, 4, 79, 78, 16, 2, 12, 7, 4]);
    let kafka = KnownComponents
        .component(ComponentKind::Input, "kafka")
        .unwrap();
    let addresses = kafka
        .fields()
        .iter()
        .find(|it| it.name == "addresses")
        .unwrap();
    assert!(addresses.is_required() && !kafka.built);
    let amqp = KnownComponents
        .component(ComponentKind::Output, "amqp_0_9")
        .unwrap();
    let field = |name: &str| {
        amqp.fields()
            .iter()
            .find(|it| it.name == name)
            .unwrap()
            .clone()
    };
    assert_eq!(field("persistent").default, Some(Literal::Bool(false)));
    assert!(field("persistent").advanced && !field("urls").advanced);
    let switch = KnownComponents
        .component(ComponentKind::Processor, "switch")
        .unwrap();
    let FieldKind::List(case) = &switch.body else {
        panic!("{:?}", switch.body)
    };
    let FieldKind::Object(fields) = &**case else {
        panic!("{case:?}")
    };
    assert_eq!(
        fields[1].kind,
        FieldKind::components(ComponentKind::Processor)
    );
}
