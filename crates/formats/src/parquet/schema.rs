//! The schema as a tree: how rows are put together from columns.

use std::ops::Range;

use millrace_message::Text;

use super::convert::{Convert, Physical};
use super::footer::{Element, Logical};
use super::{Lists, Result, damaged};

/// How deep fields may nest.
const DEPTH_MAX: usize = 64;

pub(super) struct Schema {
    /// The fields of a row.
    pub root: Node,
    /// The leaves, in the order in which files store them.
    pub columns: Vec<Column>,
}

/// A leaf.
pub(super) struct Column {
    pub name: String,
    pub physical: Physical,
    pub convert: Convert,
    pub definition_max: u16,
    pub repetition_max: u16,
}

/// A field.
pub(super) struct Node {
    /// The leaves that are below it.
    pub columns: Range<usize>,
    pub shape: Shape,
}

pub(super) enum Shape {
    Leaf,
    /// Fields in ascending order of their names.
    Group(Vec<(Text, Node)>),
    /// It is there when the definition level is this one or above.
    Optional(u16, Box<Node>),
    Repeated(Repeated, Box<Node>),
    Map(Repeated, Box<Node>, Box<Node>),
}

/// The levels of a repeated field: it has elements when the definition level is this one or above,
/// and one more as long as the repetition level is this one or above.
#[derive(Clone, Copy)]
pub(super) struct Repeated {
    pub definition: u16,
    pub repetition: u16,
    /// Whether it is read as the groups that a LIST is made of.
    pub as_groups: bool,
}

/// The levels of the fields around one.
#[derive(Clone, Copy)]
struct Levels {
    definition: u16,
    repetition: u16,
    depth: usize,
}

impl Schema {
    pub fn new(elements: &[Element<'_>], lists: Lists) -> Result<Self> {
        let Some((root, elements)) = elements.split_first() else {
            return damaged("the file has no schema");
        };
        let mut builder = Builder {
            rest: elements,
            columns: Vec::new(),
            lists,
        };
        let levels = Levels {
            definition: 0,
            repetition: 0,
            depth: 0,
        };
        let root = builder.group(root.children, levels)?;
        if !builder.rest.is_empty() {
            return damaged("the schema has fields that belong to no group");
        }
        Ok(Self {
            root,
            columns: builder.columns,
        })
    }
}

struct Builder<'a, 'b> {
    rest: &'a [Element<'b>],
    columns: Vec<Column>,
    lists: Lists,
}

impl<'a, 'b> Builder<'a, 'b> {
    fn next(&mut self) -> Result<&'a Element<'b>> {
        let Some((element, rest)) = self.rest.split_first() else {
            return damaged("the schema has fewer fields than it says");
        };
        self.rest = rest;
        Ok(element)
    }

    /// The next field, as it stands in its group.
    fn field(&mut self, around: Levels) -> Result<(Text, Node)> {
        let element = self.next()?;
        let name = Text::from(element.name);
        let start = self.columns.len();
        let mut levels = Levels {
            depth: around.depth + 1,
            ..around
        };
        if levels.depth > DEPTH_MAX {
            return damaged(format!("fields nest deeper than {DEPTH_MAX} levels"));
        }
        let node = match element.repetition {
            0 => return Ok((name, self.body(element, levels)?)),
            1 => {
                levels.definition += 1;
                let inner = Box::new(self.body(element, levels)?);
                Shape::Optional(levels.definition, inner)
            }
            2 => {
                levels.definition += 1;
                levels.repetition += 1;
                let element = Box::new(self.plain_body(element, levels)?);
                Shape::Repeated(self.repeated(levels, false), element)
            }
            other => return damaged(format!("field `{name}`: there is no repetition {other}")),
        };
        Ok((name, self.node(start, node)))
    }

    fn repeated(&self, levels: Levels, is_list: bool) -> Repeated {
        Repeated {
            definition: levels.definition,
            repetition: levels.repetition,
            as_groups: is_list && self.lists == Lists::Groups,
        }
    }

    fn node(&self, start: usize, shape: Shape) -> Node {
        Node {
            columns: start..self.columns.len(),
            shape,
        }
    }

    /// What a field is, apart from whether it is there and how often.
    fn body(&mut self, element: &Element<'b>, levels: Levels) -> Result<Node> {
        let child = self.rest.first().filter(|it| it.repetition == 2);
        match (element.logical, child) {
            (Logical::List, Some(_)) if element.children == 1 => self.list(levels),
            (Logical::Map, Some(child))
                if element.children == 1 && child.children == 2 && child.physical.is_none() =>
            {
                self.map(levels)
            }
            _ => self.plain_body(element, levels),
        }
    }

    fn plain_body(&mut self, element: &Element<'b>, levels: Levels) -> Result<Node> {
        match element.physical {
            Some(code) if element.children == 0 => self.leaf(element, code, levels),
            _ => self.group(element.children, levels),
        }
    }

    fn group(&mut self, children: usize, levels: Levels) -> Result<Node> {
        let start = self.columns.len();
        if children > self.rest.len() {
            return damaged("the schema has fewer fields than it says");
        }
        // Groups nest, and each may claim all fields that are left.
        let mut fields = Vec::new();
        for _ in 0..children {
            fields.push(self.field(levels)?);
        }
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(pair) = fields.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return damaged(format!(
                "two fields of a group have the name `{}`",
                pair[0].0
            ));
        }
        Ok(self.node(start, Shape::Group(fields)))
    }

    fn leaf(&mut self, element: &Element<'_>, code: i64, levels: Levels) -> Result<Node> {
        let start = self.columns.len();
        let physical = Physical::of(code, element.length)?;
        self.columns.push(Column {
            name: element.name.to_owned(),
            physical,
            convert: Convert::of(physical, element),
            definition_max: levels.definition,
            repetition_max: levels.repetition,
        });
        Ok(self.node(start, Shape::Leaf))
    }

    /// A group that holds one repeated field: its elements are that field, or what it holds.
    fn list(&mut self, around: Levels) -> Result<Node> {
        let start = self.columns.len();
        let repeated = self.next()?;
        let levels = Levels {
            definition: around.definition + 1,
            repetition: around.repetition + 1,
            depth: around.depth + 1,
        };
        // Two levels instead of three, as older writers have it.
        let is_element =
            repeated.children != 1 || repeated.name == "array" || repeated.name.ends_with("_tuple");
        let element = match is_element {
            true => self.plain_body(repeated, levels)?,
            false => self.field(levels)?.1,
        };
        let shape = Shape::Repeated(self.repeated(levels, true), Box::new(element));
        Ok(self.node(start, shape))
    }

    /// A group that holds one repeated group of a key and a value.
    fn map(&mut self, around: Levels) -> Result<Node> {
        let start = self.columns.len();
        self.next()?;
        let levels = Levels {
            definition: around.definition + 1,
            repetition: around.repetition + 1,
            depth: around.depth + 1,
        };
        let key = Box::new(self.field(levels)?.1);
        let value = Box::new(self.field(levels)?.1);
        let shape = Shape::Map(self.repeated(levels, false), key, value);
        Ok(self.node(start, shape))
    }
}
