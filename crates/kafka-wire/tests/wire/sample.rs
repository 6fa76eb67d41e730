//! Random messages, written straight from the tables: a second encoder that shares no code with the
//! first.

use std::path::Path;
use std::sync::LazyLock;

use millrace_kafka_tables::{Field, Kind, Message, Struct, Table, Type, read_folder};

use crate::random::Random;

/// All tables.
pub static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("tables");
    let folders = ["api", "metadata", "records"];
    let read = |it: &str| read_folder(&tables.join(it)).expect("the tables are read");
    folders.iter().flat_map(|it| read(it)).collect()
});

/// Calls the function with every message, its table, and each of its versions.
pub fn each_version(mut function: impl FnMut(&Table, &Message, i16)) {
    for table in TABLES.iter() {
        for message in &table.messages {
            for version in message.versions.all() {
                function(table, message, version);
            }
        }
    }
}

/// How the fields of a message are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Any values.
    Random,
    /// What the table says they are when nobody sets them.
    Default,
    /// Any values, and tagged fields that nobody knows in every struct.
    RandomWithUnknown,
}

/// The bytes of a message.
pub fn sample(
    table: &Table,
    message: &Message,
    version: i16,
    choice: Choice,
    random: &mut Random,
) -> Vec<u8> {
    let mut sampler = Sampler {
        table,
        version,
        choice,
        random,
    };
    let mut out = Vec::new();
    sampler.structure(table.structure(&message.name), &mut out);
    out
}

struct Sampler<'a> {
    table: &'a Table,
    version: i16,
    choice: Choice,
    random: &'a mut Random,
}

impl Sampler<'_> {
    fn structure(&mut self, structure: &Struct, out: &mut Vec<u8>) {
        let is_flexible = structure.is_flexible(self.version);
        for field in &structure.fields {
            if field.tag.is_none() && field.versions.contains(self.version) {
                self.field(field, is_flexible && !field.plain, out);
            }
        }
        if is_flexible {
            self.tags(structure, out);
        }
    }

    /// Tagged fields are written where they differ from their default.
    fn tags(&mut self, structure: &Struct, out: &mut Vec<u8>) {
        let mut values = Vec::new();
        for field in structure.tagged() {
            if !field.versions.contains(self.version) {
                continue;
            }
            let mut value = Vec::new();
            self.field(field, true, &mut value);
            let choice = std::mem::replace(&mut self.choice, Choice::Default);
            let mut default = Vec::new();
            self.field(field, true, &mut default);
            self.choice = choice;
            if value != default {
                values.push((u32::from(field.tag.expect("it is tagged")), value));
            }
        }
        if self.choice == Choice::RandomWithUnknown {
            values.push((100, vec![1, 2, 3]));
            values.push((70_000, vec![]));
        }
        varint(values.len() as u32, out);
        for (tag, value) in values {
            varint(tag, out);
            varint(value.len() as u32, out);
            out.extend_from_slice(&value);
        }
    }

    fn field(&mut self, field: &Field, compact: bool, out: &mut Vec<u8>) {
        let is_null = match self.choice {
            Choice::Default => field.default.as_deref() == Some("null"),
            _ => field.may_be_null(self.version) && self.random.one_in(4),
        };
        match &field.kind {
            Type::One(Kind::Struct(_)) if is_null => out.push(0xff),
            Type::One(Kind::Struct(name)) => {
                if field.null.is_some() {
                    out.push(1);
                }
                self.structure(self.table.structure(name), out);
            }
            Type::One(Kind::String) => {
                let text = self.text();
                let text = (!is_null).then_some(text.as_bytes());
                self.slice(text, compact, 2, out);
            }
            Type::One(Kind::Bytes | Kind::Records | Kind::StoredRecords) => {
                let bytes = self.bytes();
                self.slice((!is_null).then_some(&bytes), compact, 4, out);
            }
            Type::One(kind) => self.number(kind, field.default.as_deref(), out),
            Type::Array(kind) => {
                let count = match self.choice {
                    Choice::Default => 0,
                    _ => self.random.below(4),
                };
                length((!is_null).then_some(count), compact, 4, out);
                for _ in 0..if is_null { 0 } else { count } {
                    self.element(kind, compact, out);
                }
            }
        }
    }

    fn element(&mut self, kind: &Kind, compact: bool, out: &mut Vec<u8>) {
        match kind {
            Kind::Struct(name) => self.structure(self.table.structure(name), out),
            Kind::String => {
                let text = self.text();
                self.slice(Some(text.as_bytes()), compact, 2, out);
            }
            Kind::Bytes | Kind::Records | Kind::StoredRecords => {
                let bytes = self.bytes();
                self.slice(Some(&bytes), compact, 4, out);
            }
            kind => self.number(kind, None, out),
        }
    }

    fn number(&mut self, kind: &Kind, default: Option<&str>, out: &mut Vec<u8>) {
        let size = kind.fixed_size().expect("it is a number");
        let value = match (self.choice, default) {
            (Choice::Default, Some("true")) => 1,
            (Choice::Default, Some(default)) => default.parse().expect("it is a number"),
            (Choice::Default, None) => 0,
            _ if *kind == Kind::Bool => self.random.below(2) as i64,
            _ => self.random.next().cast_signed(),
        };
        if *kind == Kind::Uuid {
            out.extend_from_slice(&value.to_be_bytes());
        }
        out.extend_from_slice(&value.to_be_bytes()[8 - size.min(8)..]);
    }

    fn text(&mut self) -> String {
        if self.choice == Choice::Default {
            return String::new();
        }
        let length = match self.random.one_in(16) {
            true => 200,
            false => self.random.below(8),
        };
        let letter = |_| ['a', 'ß', '-', '€', 'z'][self.random.below(5)];
        (0..length).map(letter).collect()
    }

    fn bytes(&mut self) -> Vec<u8> {
        if self.choice == Choice::Default {
            return Vec::new();
        }
        let length = match self.random.one_in(8) {
            true => 1024 + self.random.below(500),
            false => self.random.below(20),
        };
        (0..length).map(|_| self.random.next() as u8).collect()
    }

    fn slice(&mut self, bytes: Option<&[u8]>, compact: bool, width: usize, out: &mut Vec<u8>) {
        length(bytes.map(<[u8]>::len), compact, width, out);
        out.extend_from_slice(bytes.unwrap_or_default());
    }
}

fn length(length: Option<usize>, compact: bool, width: usize, out: &mut Vec<u8>) {
    let length = length.map_or(-1, |it| it as i32);
    match compact {
        true => varint((length + 1) as u32, out),
        false => out.extend_from_slice(&length.to_be_bytes()[4 - width..]),
    }
}

fn varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
