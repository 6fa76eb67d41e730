//! What is known of Bento's components without building them: names, types, defaults.
//!
//! `known/components.txt` holds the facts; a test generates it from Bento's field schemas. The table
//! is split up when somebody first asks for a component, and a component's lines are read when somebody
//! first asks for that one: nothing is done at start, and nothing twice.
//!
//! ```text
//! @input amqp_0_9 stable object
//! urls list:string required
//! queue_declare object advanced
//!  enabled bool =false
//! ```
//!
//! A line has the depth in spaces, the name, the kind, flags, and the default as JSON.

use crate::catalog::{Catalog, ComponentSpec};
use crate::env::InterpolatedText;
use crate::{ComponentKind, FieldKind, FieldOption, FieldSpec, Literal, Status, tree};
use millrace_diagnostics::{Diagnostics, SourceMap};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

mod compare;

pub use compare::{assert_matches_bento, differences};

const TABLE: &str = include_str!("known/components.txt");

/// All components of Bento; none of them is built.
#[derive(Clone, Copy, Default, Debug)]
pub struct KnownComponents;

impl Catalog for KnownComponents {
    fn component(&self, kind: ComponentKind, name: &str) -> Option<Arc<ComponentSpec>> {
        let block = BLOCKS.get(&kind)?.get(name)?;
        Some(Arc::clone(
            block.known.get_or_init(|| Arc::new(block.spec())),
        ))
    }

    fn names(&self, kind: ComponentKind) -> Vec<String> {
        let names = BLOCKS.get(&kind).into_iter().flat_map(BTreeMap::keys);
        names.map(|name| (*name).to_owned()).collect()
    }
}

/// The components by kind and name.
static BLOCKS: LazyLock<BTreeMap<ComponentKind, BTreeMap<&'static str, Block>>> =
    LazyLock::new(|| {
        let mut all: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for block in blocks() {
            let of_kind = all.entry(block.kind).or_default();
            of_kind.entry(block.name).or_insert(block);
        }
        all
    });

/// The lines of one component.
struct Block {
    kind: ComponentKind,
    name: &'static str,
    status: Status,
    body: &'static str,
    fields: &'static str,
    /// What the lines say, once they were read.
    known: OnceLock<Arc<ComponentSpec>>,
}

fn blocks() -> impl Iterator<Item = Block> {
    TABLE.split("\n@").filter_map(|text| {
        let (head, fields) = text.split_once('\n').unwrap_or((text, ""));
        let mut words = head.trim_start_matches('@').split(' ');
        let kind = ComponentKind::from_name(words.next()?)?;
        let name = words.next()?;
        let status = Status::from_name(words.next()?)?;
        Some(Block {
            kind,
            name,
            status,
            body: words.next()?,
            fields,
            known: OnceLock::new(),
        })
    })
}

impl Block {
    fn spec(&self) -> ComponentSpec {
        let mut lines = self
            .fields
            .lines()
            .filter(|line| !line.is_empty())
            .peekable();
        let fields = children(&mut lines, 0);
        ComponentSpec {
            kind: self.kind,
            name: self.name.into(),
            body: kind(self.body, fields, None),
            status: self.status,
            since: None,
            categories: Vec::new(),
            description: Cow::Borrowed(""),
            examples: Vec::new(),
            built: false,
        }
    }
}

/// The fields at a depth, as long as there are some.
fn children<I: Iterator<Item = &'static str>>(
    lines: &mut std::iter::Peekable<I>,
    depth: usize,
) -> Vec<FieldSpec> {
    let mut fields = Vec::new();
    while let Some(line) = lines.next_if(|line| line.len() - line.trim_start().len() == depth) {
        let below = children(lines, depth + 1);
        fields.extend(field(line.trim_start(), below));
    }
    fields
}

/// `name kind flag… =default`
fn field(line: &'static str, below: Vec<FieldSpec>) -> Option<FieldSpec> {
    let (words, default) = match line.split_once(" =") {
        Some((words, default)) => (words, Some(default)),
        None => (line, None),
    };
    let mut words = words.split(' ');
    let (name, kind_name) = (words.next()?, words.next()?);
    let flags: Vec<_> = words.collect();
    let options = flags.iter().find_map(|flag| flag.strip_prefix("options:"));
    let mut field = FieldSpec::new(name, kind(kind_name, below, options));
    let has = |flag: &str| flags.contains(&flag);
    field.default = default.map(literal);
    field.advanced = has("advanced");
    field.secret = has("secret");
    field.deprecated = has("deprecated");
    field.optional = field.default.is_none() && !has("required");
    if let FieldKind::Object(fields) = &field.kind {
        // Bento never demands an object, whatever its fields demand once it is there.
        field.optional = has("optional") || fields.iter().any(FieldSpec::is_required);
    }
    Some(field)
}

fn kind(name: &str, below: Vec<FieldSpec>, options: Option<&'static str>) -> FieldKind {
    if let Some(item) = name.strip_prefix("list:") {
        return FieldKind::List(Box::new(kind(item, below, options)));
    }
    if let Some(item) = name.strip_prefix("map:") {
        return FieldKind::Map(Box::new(kind(item, below, options)));
    }
    match name {
        "string" => options.map_or(FieldKind::String, option_list),
        "interpolated" => FieldKind::Interpolated,
        "mapping" => FieldKind::Mapping,
        "bool" => FieldKind::Bool,
        "int" => FieldKind::Int,
        "float" => FieldKind::Float,
        "object" => FieldKind::Object(below),
        other => ComponentKind::from_name(other).map_or(FieldKind::Any, FieldKind::Component),
    }
}

fn option_list(options: &'static str) -> FieldKind {
    let option = |value: &'static str| FieldOption {
        value: value.into(),
        description: "".into(),
    };
    FieldKind::Options(options.split('|').map(option).collect())
}

/// A default as it stands in the table.
fn literal(json: &str) -> Literal {
    let sources = SourceMap::new();
    let text = InterpolatedText::verbatim(json, sources.add("default", json));
    let node = tree::parse(&text, &mut Diagnostics::new());
    node.map_or(Literal::Null, |node| Literal::from(&node))
}
