//! From the JSON of a schema to its types.
//!
//! What is accepted is what goavro accepts: a definition of a name that is known replaces it, a
//! logical type that does not fit its type is passed over, a field is a definition itself. More is
//! accepted where the specification allows it: the default of a union may fit any member.

use std::collections::HashMap;

use bytes::Bytes;
use millrace_message::{Object, Text, Value};

use super::encode::{self, Defaults};
use super::name::{self, Name};
use super::schema::{
    Decimal, DefaultValue, Enum, Field, Id, Int, Kind, Long, Record, Schema, Type, Union,
};
use super::{AvroError, DEPTH_MAX, Result, fingerprint, nested};

/// Reads a schema, after those that it refers to by name.
///
/// # Errors
/// One of them is none.
pub(super) fn schema<'a>(
    json: &Value,
    known: impl Iterator<Item = Result<(&'a str, Value)>>,
) -> Result<Schema> {
    let mut parser = Parser::default();
    for referenced in known {
        let (name, json) = referenced?;
        let id = parser
            .schema(&json, "", 0)
            .map_err(|error| error.below(format!("{name}: ")))?;
        parser.named.entry(name.to_owned()).or_insert(id);
    }
    let root = parser.schema(json, "", 0)?;
    let mut schema = Schema {
        types: parser.types,
        root,
        fingerprints: fingerprint::of_json(json),
    };
    schema.fingerprints.standard = fingerprint::standard(&schema);
    compile_defaults(&mut schema)?;
    Ok(schema)
}

#[derive(Default)]
struct Parser {
    types: Vec<Type>,
    named: HashMap<String, Id>,
}

/// The places of things in the order of the things.
fn order<T: Ord>(of: impl Iterator<Item = T>) -> Vec<u32> {
    let mut all: Vec<(T, u32)> = of.zip(0..).collect();
    all.sort();
    all.into_iter().map(|(_, place)| place).collect()
}

impl Parser {
    fn add(&mut self, name: impl Into<Text>, kind: Kind) -> Id {
        self.types.push(Type {
            name: name.into(),
            kind,
        });
        (self.types.len() - 1) as Id
    }

    /// A named type, known under its name from now on.
    fn define(&mut self, name: &Name, kind: Kind) -> Result<Id> {
        if primitive(&name.full, None).is_some() {
            let text = format!("`{}` is the name of a primitive type", name.full);
            return Err(AvroError::new(text));
        }
        let id = self.add(name.full.as_str(), kind);
        self.named.insert(name.full.clone(), id);
        Ok(id)
    }

    fn schema(&mut self, json: &Value, namespace: &str, depth: usize) -> Result<Id> {
        if depth > DEPTH_MAX {
            return Err(AvroError::too_deep());
        }
        nested(|| match json {
            Value::String(name) => self.by_name(name, None, namespace, depth),
            Value::Array(members) => {
                let members: Vec<Value> = members.iter().map(|it| it.into_owned()).collect();
                self.union(&members, namespace, depth)
            }
            Value::Object(definition) => self.definition(definition, namespace, depth),
            other => Err(AvroError::new(format!(
                "a schema is a name, an object or an array, not {}",
                super::shown(other)
            ))),
        })
    }

    fn definition(&mut self, definition: &Object, namespace: &str, depth: usize) -> Result<Id> {
        match definition.get("type").as_deref() {
            Some(Value::String(name)) => self.by_name(name, Some(definition), namespace, depth),
            Some(inner @ (Value::Object(_) | Value::Array(_))) => {
                self.schema(inner, namespace, depth + 1)
            }
            Some(other) => Err(AvroError::new(format!(
                "a `type` is a name, an object or an array, not {}",
                super::shown(other)
            ))),
            None => Err(AvroError::new("a schema has no `type`")),
        }
    }

    fn by_name(
        &mut self,
        name: &str,
        definition: Option<&Object>,
        namespace: &str,
        depth: usize,
    ) -> Result<Id> {
        let logical = definition.and_then(|it| it.get("logicalType"));
        let logical = logical.as_deref().and_then(Value::as_str);
        if let Some(kind) = primitive(name, logical) {
            let name = match logical.filter(|_| is_logical(&kind)) {
                Some(logical) => Text::from(format!("{name}.{logical}")),
                None => Text::from(name),
            };
            return Ok(self.add(name, kind));
        }
        if let Some(id) = self.named.get(name) {
            return Ok(*id);
        }
        if !namespace.is_empty()
            && let Some(id) = self.named.get(&format!("{namespace}.{name}"))
        {
            return Ok(*id);
        }
        let Some(definition) = definition else {
            return Err(unknown(name));
        };
        match (name, logical) {
            ("string", Some("validated-string")) => Err(AvroError::new(
                "the logical type `validated-string` is not supported; remove it, and check the \
                 text in a mapping",
            )),
            ("bytes", Some("decimal")) => self.decimal_bytes(definition, namespace),
            ("fixed", _) => self.fixed(definition, logical, namespace),
            ("enum", _) => self.enumeration(definition, namespace),
            ("array", _) => {
                let items = required(definition, "items", "array")?;
                let items = self.schema(&items, namespace, depth + 1)?;
                Ok(self.add("array", Kind::Array(items)))
            }
            ("map", _) => {
                let values = required(definition, "values", "map")?;
                let values = self.schema(&values, namespace, depth + 1)?;
                Ok(self.add("map", Kind::Map(values)))
            }
            ("record", _) => self.record(definition, namespace, depth),
            _ => Err(unknown(name)),
        }
    }

    fn decimal_bytes(&mut self, definition: &Object, namespace: &str) -> Result<Id> {
        let kind = Kind::DecimalBytes(decimal(definition)?);
        if definition.contains_key("name") {
            let name = Name::of(definition, namespace)?;
            return Ok(self.add(name.full, kind));
        }
        Ok(self.add("bytes.decimal", kind))
    }

    fn fixed(&mut self, definition: &Object, logical: Option<&str>, namespace: &str) -> Result<Id> {
        let name = Name::of(definition, namespace)?;
        let size = match required(definition, "size", "fixed")? {
            Value::String(text) => text.parse().ok(),
            number => number.as_i64().and_then(|it| usize::try_from(it).ok()),
        };
        let size = size.filter(|it| (1..=i32::MAX as usize).contains(it));
        let size = size.ok_or_else(|| {
            let text = format!("the size of the fixed `{}` is no number above 0", name.full);
            AvroError::new(text)
        })?;
        let kind = match logical {
            Some("decimal") => Kind::DecimalFixed(size, decimal(definition)?),
            _ => Kind::Fixed(size),
        };
        self.define(&name, kind)
    }

    fn enumeration(&mut self, definition: &Object, namespace: &str) -> Result<Id> {
        let name = Name::of(definition, namespace)?;
        let wrong = |what: &str| AvroError::new(format!("the enum `{}` {what}", name.full));
        let symbols = required(definition, "symbols", "enum")?;
        let symbols = symbols.as_array().filter(|it| !it.is_empty());
        let symbols = symbols.ok_or_else(|| wrong("has no list of symbols"))?;
        let symbols = symbols.iter().map(|symbol| match &*symbol {
            Value::String(symbol) => {
                name::check(symbol)?;
                Ok(Text::from(symbol.as_str()))
            }
            _ => Err(wrong("has a symbol that is no text")),
        });
        let symbols: Vec<Text> = symbols.collect::<Result<_>>()?;
        let ordered = order(symbols.iter());
        let is_twice = |pair: &[u32]| symbols[pair[0] as usize] == symbols[pair[1] as usize];
        if ordered.windows(2).any(is_twice) {
            return Err(wrong("has a symbol twice"));
        }
        self.define(&name, Kind::Enum(Enum { symbols, ordered }))
    }

    /// The record is known before its fields are read: they may refer to it.
    fn record(&mut self, definition: &Object, namespace: &str, depth: usize) -> Result<Id> {
        let name = Name::of(definition, namespace)?;
        let id = self.define(&name, Kind::Null)?;
        let fields = required(definition, "fields", "record")?;
        let wrong = |what: &str| AvroError::new(format!("the record `{}` {what}", name.full));
        let Value::Array(fields) = fields else {
            return Err(wrong("has no list of fields"));
        };
        let mut read = Vec::with_capacity(fields.len().min(1024));
        for (index, field) in fields.iter().enumerate() {
            let Value::Object(field) = &*field else {
                return Err(wrong(&format!("has a field {index} that is no object")));
            };
            let place = field.get("name");
            let place = place.as_deref().and_then(Value::as_str).unwrap_or("?");
            let field = self.field(field, &name.namespace, depth);
            read.push(field.map_err(|error| error.below(format!(".{place}")))?);
        }
        let ordered = order(read.iter().map(|field| &field.name));
        for (rank, place) in (0..).zip(&ordered) {
            read[*place as usize].rank = rank;
        }
        let is_twice = |pair: &[u32]| read[pair[0] as usize].name == read[pair[1] as usize].name;
        if ordered.windows(2).any(is_twice) {
            return Err(wrong("has a field twice"));
        }
        let fields = read;
        self.types[id as usize].kind = Kind::Record(Record { fields, ordered });
        Ok(id)
    }

    fn field(&mut self, field: &Object, namespace: &str, depth: usize) -> Result<Field> {
        let name = Name::of(field, namespace)?;
        let schema = nested(|| self.definition(field, namespace, depth + 1))?;
        let default = field.get("default").map(|json| DefaultValue {
            json: json.detach(),
            bytes: None,
        });
        Ok(Field {
            name: Text::from(name.short()),
            schema,
            rank: 0,
            default,
        })
    }

    fn union(&mut self, members: &[Value], namespace: &str, depth: usize) -> Result<Id> {
        if members.is_empty() {
            return Err(AvroError::new("a union has no members"));
        }
        let members = members.iter().enumerate().map(|(index, member)| {
            let member = self.schema(member, namespace, depth + 1);
            member.map_err(|error| error.below(format!("[{index}]")))
        });
        let members: Vec<Id> = members.collect::<Result<_>>()?;
        let name = |place: &u32| &self.types[members[*place as usize] as usize].name;
        let ordered = order(members.iter().map(|id| &self.types[*id as usize].name));
        if let Some(pair) = ordered.windows(2).find(|it| name(&it[0]) == name(&it[1])) {
            let name = name(&pair[0]);
            let text = format!("a union has the type `{name}` twice");
            return Err(AvroError::new(text));
        }
        // A record is a null until its fields are known, so the name decides.
        let null = members
            .iter()
            .position(|id| self.types[*id as usize].name == "null");
        let union = Union {
            null: null.map(|it| it as u32),
            members,
            ordered,
        };
        Ok(self.add("union", Kind::Union(union)))
    }
}

/// The types that need no definition.
fn primitive(name: &str, logical: Option<&str>) -> Option<Kind> {
    Some(match (name, logical) {
        ("null", _) => Kind::Null,
        ("boolean", _) => Kind::Boolean,
        ("int", Some("date")) => Kind::Int(Int::Date),
        ("int", Some("time-millis")) => Kind::Int(Int::TimeMillis),
        ("int", _) => Kind::Int(Int::Number),
        ("long", Some("time-micros")) => Kind::Long(Long::TimeMicros),
        ("long", Some("timestamp-millis")) => Kind::Long(Long::TimestampMillis),
        ("long", Some("timestamp-micros")) => Kind::Long(Long::TimestampMicros),
        ("long", _) => Kind::Long(Long::Number),
        ("float", _) => Kind::Float,
        ("double", _) => Kind::Double,
        ("bytes", logical) if logical != Some("decimal") => Kind::Bytes,
        ("string", logical) if logical != Some("validated-string") => Kind::String,
        _ => return None,
    })
}

fn is_logical(kind: &Kind) -> bool {
    match kind {
        Kind::Int(int) => *int != Int::Number,
        Kind::Long(long) => *long != Long::Number,
        _ => false,
    }
}

fn unknown(name: &str) -> AvroError {
    let name: String = name.chars().take(80).collect();
    AvroError::new(format!("the type `{name}` is not known"))
}

fn required(definition: &Object, key: &str, of: &str) -> Result<Value> {
    let value = definition.get(key).map(|it| it.into_owned());
    value.ok_or_else(|| AvroError::new(format!("a schema of type `{of}` has no `{key}`")))
}

/// The scale of a decimal; a larger one than this is no number that anybody means.
const PRECISION_MAX: i64 = 10_000;

fn decimal(definition: &Object) -> Result<Decimal> {
    let number = |key: &str| {
        let value = definition.get(key)?;
        Some(value.as_i64().filter(|it| *it >= 0 && *it <= PRECISION_MAX))
    };
    let wrong = |what: &str| {
        let text = format!("the {what} of a decimal is no number up to {PRECISION_MAX}");
        AvroError::new(text)
    };
    let precision = number("precision").flatten().filter(|it| *it > 0);
    let precision = precision.ok_or_else(|| wrong("precision"))?;
    let scale = number("scale").unwrap_or(Some(0));
    let scale = scale.ok_or_else(|| wrong("scale"))?;
    if scale > precision {
        let text = format!("the scale {scale} of a decimal is larger than its precision");
        return Err(AvroError::new(text));
    }
    Ok(Decimal {
        precision: precision as u32,
        scale: scale as u32,
    })
}

/// Writes the defaults once, so that messages copy bytes.
fn compile_defaults(schema: &mut Schema) -> Result<()> {
    let mut defaults = Defaults::default();
    let mut compiled: Vec<(Id, usize, Bytes)> = Vec::new();
    for (id, of) in (0..).zip(&schema.types) {
        let Kind::Record(record) = &of.kind else {
            continue;
        };
        for (index, field) in record.fields.iter().enumerate() {
            if let Some(default) = &field.default {
                let bytes = encode::default(schema, field.schema, &default.json, &mut defaults)
                    .map_err(|error| {
                        let reason = format!("the default does not fit: {error}");
                        AvroError::new(reason).below(format!("{}.{}", of.name, field.name))
                    })?;
                compiled.push((id, index, bytes.into()));
            }
        }
    }
    for (id, index, bytes) in compiled {
        if let Kind::Record(record) = &mut schema.types[id as usize].kind
            && let Some(default) = &mut record.fields[index].default
        {
            default.bytes = Some(bytes);
        }
    }
    Ok(())
}
