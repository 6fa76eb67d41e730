//! Reaching into a config by path: `--set` expressions, JSON pointers, labels.

use crate::catalog::{Catalog, reserved_fields};
use crate::{ComponentKind, Entry, FieldKind, FieldSpec, Mapping, Node, Value};
use millrace_diagnostics::{Span, did_you_mean};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fields of a config and the components that it can name.
#[derive(Clone, Copy)]
pub struct Schema<'a> {
    /// The fields at the root.
    pub fields: &'a [FieldSpec],
    /// The components.
    pub catalog: &'a dyn Catalog,
}

/// The segments of a path with dots: `input.generate.count`. `~1` stands for a dot, `~0` for `~`.
pub fn from_dots(path: &str) -> Vec<String> {
    path.split('.')
        .map(|it| it.replace("~1", ".").replace("~0", "~"))
        .collect()
}

/// The segments of a JSON pointer: `/input/generate/count`. `~1` stands for a slash, `~0` for `~`.
///
/// # Errors
/// A pointer that does not begin with a slash.
pub fn from_pointer(pointer: &str) -> Result<Vec<String>, String> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = pointer.strip_prefix('/') else {
        return Err(format!(
            "the JSON pointer `{pointer}` does not begin with `/`"
        ));
    };
    Ok(rest
        .split('/')
        .map(|it| it.replace("~1", "/").replace("~0", "~"))
        .collect())
}

/// The value at a path.
///
/// # Errors
/// The path up to the segment that leads nowhere, and why.
pub fn get<'n>(root: &'n Node, path: &[String]) -> Result<&'n Node, String> {
    let mut node = root;
    for (depth, segment) in path.iter().enumerate() {
        let next = match &node.value {
            Value::Sequence(items) if segment == "-" => {
                let _ = items;
                Err("append directive not allowed".to_owned())
            }
            Value::Sequence(items) => index(segment, items.len()).map(|it| &items[it]),
            _ => node
                .get(segment)
                .ok_or_else(|| "key not found in mapping".to_owned()),
        };
        node = next.map_err(|reason| format!("{}: {reason}", path[..=depth].join(".")))?;
    }
    Ok(node)
}

/// Sets the value at a path, creating what is missing on the way; `None` deletes it.
///
/// The schema decides between objects and lists: `-` appends to a list, and a single value set in
/// the place of a list becomes a list of one.
///
/// # Errors
/// The path up to the segment that leads nowhere, and why. The tree stays as it was then.
pub fn set(
    root: &mut Node,
    path: &[String],
    value: Option<Node>,
    schema: Schema<'_>,
) -> Result<(), Refused> {
    if path.is_empty() {
        return Err(Refused {
            reason: "the path is empty".to_owned(),
            depth: 0,
            help: None,
        });
    }
    let setter = Setter {
        schema,
        span: value.as_ref().map_or(root.span, |it| it.span),
    };
    setter
        .object(schema.fields, root, path, value)
        .map_err(|it| {
            let segments: Vec<_> = it.segments.iter().rev().map(String::as_str).collect();
            let at = segments.join(".");
            Refused {
                reason: if at.is_empty() {
                    it.reason
                } else {
                    format!("{at}: {}", it.reason)
                },
                depth: segments.len(),
                help: it.help,
            }
        })
}

/// Why a value cannot be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The path up to the segment that leads nowhere, and why.
    pub reason: String,
    /// How many segments that path has.
    pub depth: usize,
    /// What was meant, perhaps.
    pub help: Option<String>,
}

/// Why and where a path leads nowhere.
struct Failure {
    /// The segments up to there, last first.
    segments: Vec<String>,
    reason: String,
    help: Option<String>,
}

impl Failure {
    fn at(segment: &str, reason: impl Into<String>) -> Self {
        Self {
            segments: vec![segment.to_owned()],
            reason: reason.into(),
            help: None,
        }
    }

    fn here(reason: impl Into<String>) -> Self {
        Self {
            segments: Vec::new(),
            reason: reason.into(),
            help: None,
        }
    }

    /// There is no such field among these.
    fn unknown<'n>(segment: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let help = did_you_mean(segment, names)
            .unwrap_or_else(|| "the path names fields from the root of the config".to_owned());
        Self {
            help: Some(help),
            ..Self::at(segment, "field not recognised")
        }
    }

    fn below(mut self, segment: &str) -> Self {
        self.segments.push(segment.to_owned());
        self
    }
}

struct Setter<'a> {
    schema: Schema<'a>,
    /// The place of whatever is created.
    span: Span,
}

impl Setter<'_> {
    fn object(
        &self,
        fields: &[FieldSpec],
        node: &mut Node,
        path: &[String],
        value: Option<Node>,
    ) -> Result<(), Failure> {
        let Some((first, rest)) = path.split_first() else {
            return self.leaf(node, value);
        };
        let field = fields.iter().find(|field| field.name == **first);
        let field = field
            .ok_or_else(|| Failure::unknown(first, fields.iter().map(|field| &*field.name)))?;
        self.entry(&field.kind, node, first, rest, value)
    }

    /// Sets something in an object under a key.
    fn entry(
        &self,
        kind: &FieldKind,
        node: &mut Node,
        key: &str,
        rest: &[String],
        value: Option<Node>,
    ) -> Result<(), Failure> {
        let mut created = Mapping::default();
        let (mapping, is_new) = match &mut node.value {
            Value::Mapping(mapping) => (mapping, false),
            _ => (&mut created, true),
        };
        if rest.is_empty() && value.is_none() {
            Arc::make_mut(&mut mapping.entries).retain(|entry| *entry.key != *key);
        } else {
            self.member(kind, mapping, key, rest, value)?;
        }
        if is_new {
            *node = Node {
                span: self.span,
                value: Value::Mapping(created),
            };
        }
        Ok(())
    }

    fn member(
        &self,
        kind: &FieldKind,
        mapping: &mut Mapping,
        key: &str,
        rest: &[String],
        value: Option<Node>,
    ) -> Result<(), Failure> {
        let found = mapping.entries.iter().position(|it| *it.key == *key);
        if let Some(found) = found {
            let entry = &mut Arc::make_mut(&mut mapping.entries)[found];
            return self
                .kind(kind, &mut entry.value, rest, value)
                .map_err(|it| it.below(key));
        }
        let mut made = Node::string("", self.span);
        self.kind(kind, &mut made, rest, value)
            .map_err(|it| it.below(key))?;
        Arc::make_mut(&mut mapping.entries).push(Entry {
            key: Arc::from(key),
            key_span: self.span,
            value: made,
        });
        Ok(())
    }

    fn kind(
        &self,
        kind: &FieldKind,
        node: &mut Node,
        path: &[String],
        value: Option<Node>,
    ) -> Result<(), Failure> {
        match (kind, path.split_first()) {
            (FieldKind::List(item), None) => match value {
                Some(value) if value.as_sequence().is_none() => self.single(item, node, value),
                value => self.leaf(node, value),
            },
            (FieldKind::List(item), Some((first, rest))) => {
                self.item(item, node, first, rest, value)
            }
            (FieldKind::Map(_), None)
                if value.as_ref().is_some_and(|it| it.as_mapping().is_none()) =>
            {
                Err(Failure::here("cannot set map directly"))
            }
            (FieldKind::Map(item), Some((first, rest))) => {
                self.entry(item, node, first, rest, value)
            }
            (FieldKind::Object(_) | FieldKind::Component(_), None) => match value {
                Some(value) if value.as_mapping().is_none() => Err(Failure::here(format!(
                    "expected an object, found {}",
                    value.describe()
                ))),
                value => self.leaf(node, value),
            },
            (FieldKind::Object(fields), Some(_)) => self.object(fields, node, path, value),
            (FieldKind::Component(kind), Some((first, rest))) => {
                let body = component_field(*kind, first, self.schema.catalog);
                let body = body.ok_or_else(|| {
                    let reserved = reserved_fields(*kind);
                    let names = self.schema.catalog.names(*kind);
                    let reserved = reserved.iter().map(|field| &*field.name);
                    Failure::unknown(first, reserved.chain(names.iter().map(String::as_str)))
                })?;
                self.entry(&body, node, first, rest, value)
            }
            (FieldKind::Any, Some((first, rest))) => {
                self.entry(&FieldKind::Any, node, first, rest, value)
            }
            (_, None) => self.leaf(node, value),
            (_, Some((first, _))) => Err(Failure::unknown(first, [])),
        }
    }

    fn leaf(&self, node: &mut Node, value: Option<Node>) -> Result<(), Failure> {
        if let Some(value) = value {
            *node = value;
        }
        Ok(())
    }

    /// A value in the place of a list.
    fn single(&self, item: &FieldKind, node: &mut Node, value: Node) -> Result<(), Failure> {
        let of_objects = matches!(item, FieldKind::Object(_) | FieldKind::Component(_));
        if of_objects && value.as_mapping().is_none() {
            // What was given may be a secret.
            return Err(Failure {
                help: Some(
                    "give a list, `[ { … } ]`, or put the place of one of its objects into the \
                     path, as in `.0.`"
                        .to_owned(),
                ),
                ..Failure::here("expected a list of objects")
            });
        }
        let mut only = Node::string("", self.span);
        self.kind(item, &mut only, &[], Some(value))?;
        *node = Node {
            span: self.span,
            value: Value::Sequence(Arc::new(vec![only])),
        };
        Ok(())
    }

    fn item(
        &self,
        kind: &FieldKind,
        node: &mut Node,
        segment: &str,
        rest: &[String],
        value: Option<Node>,
    ) -> Result<(), Failure> {
        let mut created = Vec::new();
        let (items, is_new) = match &mut node.value {
            Value::Sequence(items) => (Arc::make_mut(items), false),
            _ => (&mut created, true),
        };
        let is_deleted = rest.is_empty() && value.is_none();
        let below = |it: Failure| it.below(segment);
        if segment == "-" {
            let mut made = Node::string("", self.span);
            if !is_deleted {
                self.kind(kind, &mut made, rest, value).map_err(below)?;
                items.push(made);
            }
        } else {
            let at = index(segment, items.len()).map_err(|reason| Failure::at(segment, reason))?;
            if is_deleted {
                items.remove(at);
            } else {
                self.kind(kind, &mut items[at], rest, value)
                    .map_err(below)?;
            }
        }
        if is_new {
            *node = Node {
                span: self.span,
                value: Value::Sequence(Arc::new(created)),
            };
        }
        Ok(())
    }
}

/// What stands under a key of a component: a reserved field, or the component of that name.
pub(crate) fn component_field(
    kind: ComponentKind,
    key: &str,
    catalog: &dyn Catalog,
) -> Option<FieldKind> {
    let reserved = reserved_fields(kind)
        .into_iter()
        .find(|field| field.name == *key);
    reserved
        .map(|field| field.kind)
        .or_else(|| Some(catalog.component(kind, key)?.body.clone()))
}

fn index(segment: &str, len: usize) -> Result<usize, String> {
    let index: usize = segment
        .parse()
        .map_err(|_| "failed to parse path segment as array index".to_owned())?;
    if index >= len {
        return Err("target index greater than array length".to_owned());
    }
    Ok(index)
}

/// Where each labelled component stands.
pub fn labels(root: &Node, schema: Schema<'_>) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut path = Vec::new();
    fields_labels(schema.fields, root, schema.catalog, &mut path, &mut found);
    found
}

type Found = BTreeMap<String, Vec<String>>;

fn fields_labels(
    fields: &[FieldSpec],
    node: &Node,
    catalog: &dyn Catalog,
    path: &mut Vec<String>,
    found: &mut Found,
) {
    for entry in node.as_mapping().map_or(&[][..], |it| &it.entries) {
        if let Some(field) = fields.iter().find(|field| field.name == *entry.key) {
            path.push(entry.key.to_string());
            kind_labels(&field.kind, &entry.value, catalog, path, found);
            path.pop();
        }
    }
}

fn kind_labels(
    kind: &FieldKind,
    node: &Node,
    catalog: &dyn Catalog,
    path: &mut Vec<String>,
    found: &mut Found,
) {
    match (kind, &node.value) {
        (FieldKind::List(item), Value::Sequence(items)) => {
            for (index, node) in items.iter().enumerate() {
                path.push(index.to_string());
                kind_labels(item, node, catalog, path, found);
                path.pop();
            }
        }
        (FieldKind::Map(item), Value::Mapping(mapping)) => {
            for entry in mapping.entries.iter() {
                path.push(entry.key.to_string());
                kind_labels(item, &entry.value, catalog, path, found);
                path.pop();
            }
        }
        (FieldKind::Object(fields), _) => fields_labels(fields, node, catalog, path, found),
        (FieldKind::Component(kind), Value::Mapping(mapping)) => {
            let label = node
                .get("label")
                .and_then(Node::text)
                .filter(|it| !it.is_empty());
            if let Some(label) = label {
                found.insert(label.to_owned(), path.clone());
            }
            for entry in mapping.entries.iter() {
                let Some(body) = component_field(*kind, &entry.key, catalog) else {
                    continue;
                };
                path.push(entry.key.to_string());
                kind_labels(&body, &entry.value, catalog, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
