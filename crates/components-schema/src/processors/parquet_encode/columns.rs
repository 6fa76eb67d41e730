//! The columns: as a config names them, and as the tree that rows are taken apart by.

use millrace_message::{Error, Text};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

/// How deep columns may nest.
const DEPTH_MAX: usize = 32;

/// A column.
#[derive(Clone, Debug, Spec)]
pub struct Column {
    /// The name of the column.
    #[spec(example = "id")]
    name: String,
    /// The type; a column that has only `fields` is a `STRUCT`.
    #[spec(optional, example = "INT64", sample = "INT64")]
    r#type: Option<ColumnType>,
    /// The digits of a decimal: 1 to 9 for `DECIMAL32`, 1 to 18 for `DECIMAL64`.
    #[spec(default = 0)]
    decimal_precision: i32,
    /// The digits of a decimal that are behind its point. Messages have the number without its
    /// point: 1.5 with one such digit is 15.
    #[spec(default = 0)]
    decimal_scale: i32,
    /// Whether a row has any number of values of the column, as an array.
    #[spec(default = false)]
    repeated: bool,
    /// Whether a row may be without it.
    #[spec(default = false)]
    optional: bool,
    /// The columns within: those of a `STRUCT`, the one of a `LIST`, the key and the value of a
    /// `MAP`, whose key is `UTF8`.
    #[spec(optional)]
    fields: Option<Fields>,
}

/// Columns within a column; the field table does not list them again.
#[derive(Clone, Debug)]
struct Fields(Vec<Column>);

impl FieldType for Fields {
    fn kind() -> FieldKind {
        FieldKind::List(Box::new(FieldKind::Any))
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        Vec::read(node, cx).map(Self)
    }
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub(super) enum ColumnType {
    /// `true` or `false`.
    #[spec(rename = "BOOLEAN")]
    Boolean,
    /// An integer of 8 bits.
    #[spec(rename = "INT8")]
    Int8,
    /// An integer of 16 bits.
    #[spec(rename = "INT16")]
    Int16,
    /// An integer of 32 bits.
    #[spec(rename = "INT32")]
    Int32,
    /// An integer of 64 bits.
    #[spec(rename = "INT64")]
    Int64,
    /// A decimal of up to 18 digits.
    #[spec(rename = "DECIMAL64")]
    Decimal64,
    /// A decimal of up to 9 digits.
    #[spec(rename = "DECIMAL32")]
    Decimal32,
    /// A float of 32 bits.
    #[spec(rename = "FLOAT")]
    Float,
    /// A float of 64 bits.
    #[spec(rename = "DOUBLE")]
    Double,
    /// Bytes, of a text its own.
    #[spec(rename = "BYTE_ARRAY")]
    ByteArray,
    /// A text.
    #[spec(rename = "UTF8")]
    Utf8,
    /// An object of any keys.
    #[spec(rename = "MAP")]
    Map,
    /// An array.
    #[spec(rename = "LIST")]
    List,
    /// An object of known members.
    #[spec(rename = "STRUCT")]
    Struct,
}

/// Finds what `build` would refuse.
pub(super) fn check(columns: &[Column], node: &Node, cx: &mut ReadContext) {
    if let Err((index, complaint, help)) = sound(columns, 0) {
        let at = node.as_sequence().and_then(|items| items.get(index));
        let span = at.unwrap_or(node).span;
        cx.error(codes::INVALID_VALUE, span, complaint).help = Some(help.to_owned());
    }
}

/// What is wrong with a column: its place, the complaint, and the remedy.
type Complaint = (usize, String, &'static str);

/// Whether a file can have these columns; the first complaint, with the outermost column of it.
fn sound(columns: &[Column], depth: usize) -> Result<(), Complaint> {
    if columns.is_empty() {
        let complaint = "there are no columns".to_owned();
        return Err((0, complaint, "name a column at least, with its type"));
    }
    if depth > DEPTH_MAX {
        let complaint = format!("columns nest deeper than {DEPTH_MAX} levels");
        return Err((0, complaint, "write deep parts as a text"));
    }
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].iter().any(|it| it.name == column.name) {
            let complaint = format!("there are two columns `{}`", column.name);
            return Err((index, complaint, "give each a name of its own"));
        }
        column.sound(depth).map_err(|(complaint, help)| {
            let name = &column.name;
            (index, format!("column `{name}`: {complaint}"), help)
        })?;
    }
    Ok(())
}

impl Column {
    fn sound(&self, depth: usize) -> Result<(), (String, &'static str)> {
        let complain = |text: &str, help| Err((text.to_owned(), help));
        if self.name.is_empty() {
            return complain("it has no name", "name it");
        }
        let kind = match self.kind() {
            Some(kind) => kind,
            None => return complain("it has neither a type nor fields", "give it a type"),
        };
        if self.repeated && self.optional {
            let help = "leave out `optional`: a repeated column may be empty";
            return complain("it is both repeated and optional", help);
        }
        let count = self.fields().len();
        let is_group = match kind {
            ColumnType::Struct if count == 0 => {
                return complain("a STRUCT without fields", "list its `fields`");
            }
            ColumnType::List if count != 1 => {
                return complain("a LIST has one field", "give it the field `element`");
            }
            ColumnType::Map if count != 2 => {
                let help = "give it the fields `key` and `value`";
                return complain("a MAP has two fields", help);
            }
            ColumnType::List | ColumnType::Map if self.repeated => {
                let help = "put it into a STRUCT or a LIST";
                return complain("a LIST or a MAP cannot be repeated", help);
            }
            ColumnType::Struct | ColumnType::List | ColumnType::Map => true,
            _ if count > 0 => {
                return complain(
                    "its type has no fields",
                    "make it a STRUCT, a LIST or a MAP",
                );
            }
            _ => false,
        };
        self.sound_decimal(kind)?;
        if kind == ColumnType::Map && !self.fields()[0].is_key() {
            let help = "give the first field the type UTF8 alone";
            return complain("the key of a MAP is a required text", help);
        }
        if kind == ColumnType::List && self.fields()[0].repeated
            || kind == ColumnType::Map && self.fields()[1].repeated
        {
            let help = "make it a LIST";
            return complain("the field within is repeated", help);
        }
        match is_group {
            true => {
                sound(self.fields(), depth + 1).map_err(|(_, complaint, help)| (complaint, help))
            }
            false => Ok(()),
        }
    }

    fn sound_decimal(&self, kind: ColumnType) -> Result<(), (String, &'static str)> {
        let digits = match kind {
            ColumnType::Decimal32 => 9,
            ColumnType::Decimal64 => 18,
            _ => return Ok(()),
        };
        if (1..=digits).contains(&self.decimal_precision)
            && (0..=self.decimal_precision).contains(&self.decimal_scale)
        {
            return Ok(());
        }
        Err((
            format!(
                "a decimal of {} digits, {} of them behind its point",
                self.decimal_precision, self.decimal_scale
            ),
            "set `decimal_precision` to 1 to 9 (DECIMAL32) or 18 (DECIMAL64), and \
             `decimal_scale` to no more",
        ))
    }

    fn is_key(&self) -> bool {
        self.kind() == Some(ColumnType::Utf8) && !self.optional && !self.repeated
    }

    fn fields(&self) -> &[Column] {
        self.fields.as_ref().map_or(&[], |fields| &fields.0)
    }

    fn kind(&self) -> Option<ColumnType> {
        match (self.r#type, &self.fields) {
            (Some(kind), _) => Some(kind),
            (None, Some(_)) => Some(ColumnType::Struct),
            (None, None) => None,
        }
    }
}

/// The columns as a tree.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub fields: Vec<Field>,
    /// The leaves of the tree, in order.
    pub leaves: Vec<Leaf>,
}

/// A column in the tree.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub name: Text,
    pub shape: Shape,
    pub occurs: Occurs,
    /// The leaves below it.
    pub leaves: std::ops::Range<usize>,
}

/// How often a row has a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occurs {
    Once,
    Optionally,
    /// Any number of times; the repetition level of all but the first.
    Repeatedly(i16),
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Leaf(usize),
    Group(Vec<Field>),
    /// The repetition level of all elements but the first, and the element.
    List(i16, Box<Field>),
    Map(i16, Box<[Field; 2]>),
}

/// A column of values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    pub kind: ColumnType,
    pub precision: i32,
    pub scale: i32,
    pub definition_max: i16,
    pub repetition_max: i16,
}

impl Columns {
    pub fn new(columns: &[Column]) -> Result<Self, Error> {
        sound(columns, 0)
            .map_err(|(_, complaint, help)| Error::fatal(format!("{complaint}; {help}")))?;
        let mut leaves = Vec::new();
        let fields = columns
            .iter()
            .map(|column| field(column, Levels::default(), &mut leaves))
            .collect();
        Ok(Self { fields, leaves })
    }
}

/// How many optional or repeated columns, and how many repeated ones, are around a column.
#[derive(Clone, Copy, Default)]
struct Levels {
    definition: i16,
    repetition: i16,
}

impl Levels {
    fn optional(self) -> Self {
        let definition = self.definition + 1;
        Self { definition, ..self }
    }

    fn repeated(self) -> Self {
        Self {
            definition: self.definition + 1,
            repetition: self.repetition + 1,
        }
    }
}

fn field(column: &Column, around: Levels, leaves: &mut Vec<Leaf>) -> Field {
    let start = leaves.len();
    let (levels, occurs) = if column.repeated {
        let levels = around.repeated();
        (levels, Occurs::Repeatedly(levels.repetition))
    } else if column.optional {
        (around.optional(), Occurs::Optionally)
    } else {
        (around, Occurs::Once)
    };
    let shape = match (column.kind(), column.fields()) {
        (Some(ColumnType::List), [element]) => {
            let levels = levels.repeated();
            Shape::List(levels.repetition, Box::new(field(element, levels, leaves)))
        }
        (Some(ColumnType::Map), [key, value]) => {
            let levels = levels.repeated();
            let key = field(key, levels, leaves);
            let fields = [key, field(value, levels, leaves)];
            Shape::Map(levels.repetition, Box::new(fields))
        }
        (Some(kind), []) => {
            leaves.push(Leaf {
                kind,
                precision: column.decimal_precision,
                scale: column.decimal_scale,
                definition_max: levels.definition,
                repetition_max: levels.repetition,
            });
            Shape::Leaf(start)
        }
        (_, fields) => {
            let inner = fields.iter().map(|it| field(it, levels, leaves));
            Shape::Group(inner.collect())
        }
    };
    Field {
        name: Text::from(column.name.as_str()),
        shape,
        occurs,
        leaves: start..leaves.len(),
    }
}
