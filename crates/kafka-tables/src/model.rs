//! What a table says.

use std::fmt;

/// Versions from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first.
    pub first: i16,
    /// The last, which is one of them.
    pub last: i16,
}

impl Versions {
    /// Whether the version is one of them.
    pub fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    /// Whether all of the others are among them.
    pub fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// The smallest range that covers both.
    pub fn union(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Each of them.
    pub fn all(self) -> impl Iterator<Item = i16> {
        self.first..=self.last
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// One file: the messages of an API, or records that belong together.
#[derive(Clone, Debug)]
pub struct Table {
    /// The file's name without its ending.
    pub name: String,
    /// The comment at its top: what the messages are for.
    pub about: String,
    pub api: Option<Api>,
    pub messages: Vec<Message>,
    /// All structs in the order of the file; those of the messages too.
    pub structs: Vec<Struct>,
}

impl Table {
    /// The struct of this name, which a message or a field has.
    ///
    /// # Panics
    /// There is none; in a table that was read there is.
    pub fn structure(&self, name: &str) -> &Struct {
        let found = self.structs.iter().find(|it| it.name == name);
        found.expect("a table that was read defines what it names")
    }
}

/// What an API's table says before its messages.
#[derive(Clone, Debug)]
pub struct Api {
    pub key: i16,
    pub name: String,
    /// What a broker says that it knows; `None` when it does not tell of the API.
    pub advertised: Option<Versions>,
}

/// A message of its own: a request, a response, a record.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its name and that of its struct.
    pub name: String,
    pub versions: Versions,
    /// The first version with compact lengths and tagged fields.
    pub flexible: Option<i16>,
    /// The number of a kind of record among its siblings.
    pub id: Option<i16>,
}

/// Fields in their order on the wire.
#[derive(Clone, Debug)]
pub struct Struct {
    pub name: String,
    /// The versions of its message in which it is there at all.
    pub versions: Versions,
    pub flexible: Option<i16>,
    pub fields: Vec<Field>,
    /// Whether it is an element of an array.
    pub is_element: bool,
}

impl Struct {
    pub fn is_flexible(&self, version: i16) -> bool {
        self.flexible.is_some_and(|first| version >= first)
    }

    /// The tagged fields in the order of their tags.
    pub fn tagged(&self) -> Vec<&Field> {
        let mut tagged: Vec<&Field> = self.fields.iter().filter(|it| it.tag.is_some()).collect();
        tagged.sort_by_key(|it| it.tag);
        tagged
    }
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub kind: Type,
    pub versions: Versions,
    /// In which of its versions it may be null.
    pub null: Option<Versions>,
    /// As it stands in the table.
    pub default: Option<String>,
    pub tag: Option<u8>,
    /// Whether it is left out without an error in a version that does not have it.
    pub ignorable: bool,
    /// Whether its length is not compact in flexible versions either.
    pub plain: bool,
}

impl Field {
    pub fn may_be_null(&self, version: i16) -> bool {
        self.null.is_some_and(|it| it.contains(version))
    }
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    One(Kind),
    Array(Kind),
}

/// What one value, or one element of an array, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Float64,
    Uuid,
    String,
    Bytes,
    /// Record batches that came with the frame.
    Records,
    /// Record batches that the sender's log holds; never null on the wire.
    StoredRecords,
    Struct(String),
}

impl Kind {
    /// The kind of this name; names of structs begin with a capital letter.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "uint16" => Self::Uint16,
            "int32" => Self::Int32,
            "uint32" => Self::Uint32,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "uuid" => Self::Uuid,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "records" => Self::Records,
            "stored_records" => Self::StoredRecords,
            _ if is_type_name(name) => Self::Struct(name.to_owned()),
            _ => return None,
        })
    }

    /// The size of a kind whose values all have the same.
    pub fn fixed_size(&self) -> Option<usize> {
        Some(match self {
            Self::Bool | Self::Int8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 => 4,
            Self::Int64 | Self::Float64 => 8,
            Self::Uuid => 16,
            _ => return None,
        })
    }
}

/// Whether it may be the name of a struct: `FetchTopic`.
pub(crate) fn is_type_name(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_uppercase())
        && name.chars().all(|it| it.is_ascii_alphanumeric())
}
