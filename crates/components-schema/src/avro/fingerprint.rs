//! The fingerprint of a schema: CRC-64-AVRO over its parsing canonical form.
//!
//! Bento writes the fingerprints of goavro, whose canonical form differs from the specification's:
//! namespaces of nested definitions are joined to the outer ones, and a primitive type with a
//! logical type stays an object. Messages go out with that one, since those who read them know it;
//! messages with either are read.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use millrace_message::{Object, Value};

use super::nested;
use super::schema::{Fingerprints, Id, Kind, Schema};

/// The attributes that the canonical form keeps, in its order.
const KEPT: [&str; 7] = [
    "name", "type", "fields", "symbols", "items", "values", "size",
];

/// The fingerprint as goavro computes it, for both until the schema is known.
pub(super) fn of_json(json: &Value) -> Fingerprints {
    let mut writer = Canonical::default();
    writer.write(json, "");
    let written = rabin(writer.out.as_bytes());
    Fingerprints {
        written,
        standard: written,
    }
}

#[derive(Default)]
struct Canonical {
    out: String,
    /// The full names of what was defined under a short one.
    full: HashMap<String, String>,
    /// The precisions and scales of decimals; the first of each is named.
    decimals: HashSet<(i64, i64)>,
}

impl Canonical {
    fn write(&mut self, json: &Value, namespace: &str) {
        nested(|| match json {
            Value::Object(definition) => self.write_object(definition, namespace),
            Value::Array(members) => {
                self.out.push('[');
                for (index, member) in members.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.write(&member, namespace);
                }
                self.out.push(']');
            }
            Value::String(name) => {
                let name = self.full.get(name.as_str()).map_or(name.as_str(), |it| it);
                let name = name.to_owned();
                self.quote(&name);
            }
            other => self.out.push_str(&other.to_text()),
        });
    }

    fn quote(&mut self, text: &str) {
        self.out.push('"');
        self.out.push_str(text);
        self.out.push('"');
    }

    fn write_object(&mut self, definition: &Object, outer: &str) {
        let text = |key: &str| {
            let value = definition.get(key);
            value.and_then(|it| it.as_str().map(str::to_owned))
        };
        let of = text("type");
        let (mut inner, mut namespace) = (outer.to_owned(), String::new());
        if let Some(own) = text("namespace") {
            inner = match outer.is_empty() {
                true => own,
                false => format!("{outer}.{own}"),
            };
            namespace.clone_from(&inner);
        } else if matches!(of.as_deref(), Some("record" | "enum" | "fixed")) {
            namespace.clone_from(&inner);
        }
        let is_known = is_known_logical(of.as_deref(), text("logicalType").as_deref());
        let passed_over = usize::from(!is_known && definition.contains_key("logicalType"));
        if let Some(of) = &of
            && definition.len() - passed_over == 1
        {
            return self.quote(of);
        }
        let mut name = text("name").or_else(|| self.implied_name(definition, of.as_deref()));
        if let Some(name) = &mut name
            && !namespace.is_empty()
            && !name.contains('.')
        {
            let full = format!("{namespace}.{name}");
            self.full
                .insert(std::mem::replace(name, full.clone()), full);
        }
        self.out.push('{');
        let mut is_first = true;
        for key in KEPT {
            let value = match (key, &name) {
                ("name", Some(name)) => Some(Value::from(name.as_str())),
                _ => definition.get(key).map(|it| it.into_owned()),
            };
            let Some(value) = value else { continue };
            if !std::mem::take(&mut is_first) {
                self.out.push(',');
            }
            self.quote(key);
            self.out.push(':');
            match (key, &value) {
                // A size may be text that is a number.
                ("size", Value::String(size)) => self.out.push_str(size),
                ("name", Value::String(name)) => {
                    let name = name.clone();
                    self.quote(&name);
                }
                _ => self.write(&value, &inner),
            }
        }
        self.out.push('}');
    }

    /// goavro names the decimals that have no name, once for each precision and scale.
    fn implied_name(&mut self, definition: &Object, of: Option<&str>) -> Option<String> {
        let logical = definition.get("logicalType");
        if logical.as_deref().and_then(Value::as_str) != Some("decimal") || of != Some("bytes") {
            return None;
        }
        let number = |key: &str| definition.get(key).and_then(|it| it.as_i64());
        let kind = (number("precision")?, number("scale").unwrap_or(0));
        self.decimals
            .insert(kind)
            .then(|| "bytes.decimal".to_owned())
    }
}

fn is_known_logical(of: Option<&str>, logical: Option<&str>) -> bool {
    matches!(
        (of, logical),
        (Some("int"), Some("date" | "time-millis"))
            | (
                Some("long"),
                Some("time-micros" | "timestamp-millis" | "timestamp-micros")
            )
            | (Some("bytes" | "fixed"), Some("decimal"))
    )
}

/// The fingerprint as the specification computes it.
pub(super) fn standard(schema: &Schema) -> u64 {
    let mut writer = Standard {
        schema,
        out: String::new(),
        defined: HashSet::new(),
    };
    writer.write(schema.root);
    rabin(writer.out.as_bytes())
}

struct Standard<'a> {
    schema: &'a Schema,
    out: String,
    defined: HashSet<Id>,
}

impl Standard<'_> {
    fn quote(&mut self, text: &str) {
        self.out.push('"');
        self.out.push_str(text);
        self.out.push('"');
    }

    fn open(&mut self, name: &str, of: &str) {
        self.out.push_str("{\"name\":");
        self.quote(name);
        self.out.push_str(",\"type\":");
        self.quote(of);
    }

    fn write(&mut self, id: Id) {
        let schema = self.schema;
        let of = schema.get(id);
        let is_named = matches!(
            of.kind,
            Kind::Fixed(_) | Kind::DecimalFixed(..) | Kind::Enum(_) | Kind::Record(_)
        );
        if is_named && !self.defined.insert(id) {
            return self.quote(&of.name);
        }
        nested(|| match &of.kind {
            Kind::Null => self.quote("null"),
            Kind::Boolean => self.quote("boolean"),
            Kind::Int(_) => self.quote("int"),
            Kind::Long(_) => self.quote("long"),
            Kind::Float => self.quote("float"),
            Kind::Double => self.quote("double"),
            Kind::Bytes | Kind::DecimalBytes(_) => self.quote("bytes"),
            Kind::String => self.quote("string"),
            Kind::Fixed(size) | Kind::DecimalFixed(size, _) => {
                self.open(&of.name, "fixed");
                self.out.push_str(&format!(",\"size\":{size}}}"));
            }
            Kind::Enum(symbols) => {
                self.open(&of.name, "enum");
                self.out.push_str(",\"symbols\":");
                self.list(&symbols.symbols, |writer, symbol| writer.quote(symbol));
                self.out.push('}');
            }
            Kind::Array(items) => {
                self.out.push_str("{\"type\":\"array\",\"items\":");
                self.write(*items);
                self.out.push('}');
            }
            Kind::Map(values) => {
                self.out.push_str("{\"type\":\"map\",\"values\":");
                self.write(*values);
                self.out.push('}');
            }
            Kind::Record(record) => {
                self.open(&of.name, "record");
                self.out.push_str(",\"fields\":");
                self.list(&record.fields, |writer, field| {
                    writer.out.push_str("{\"name\":");
                    writer.quote(&field.name);
                    writer.out.push_str(",\"type\":");
                    writer.write(field.schema);
                    writer.out.push('}');
                });
                self.out.push('}');
            }
            Kind::Union(union) => self.list(&union.members, |writer, member| writer.write(*member)),
        });
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            write(self, item);
        }
        self.out.push(']');
    }
}

const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

/// CRC-64-AVRO.
fn rabin(bytes: &[u8]) -> u64 {
    static TABLE: OnceLock<[u64; 256]> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        std::array::from_fn(|byte| {
            (0..8).fold(byte as u64, |sum, _| {
                (sum >> 1) ^ (EMPTY & (sum & 1).wrapping_neg())
            })
        })
    });
    bytes.iter().fold(EMPTY, |sum, byte| {
        (sum >> 8) ^ table[usize::from(sum as u8 ^ byte)]
    })
}
