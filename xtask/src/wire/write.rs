//! The functions that write structs.

use millrace_kafka_tables::{Field, Kind, Struct, Type};

use super::values::{
    Flexible, compact, condition, flexible, flexible_line, ident, is_default, is_set,
    null_condition, version_parameter,
};

/// `fn write` of a struct.
pub fn function(structure: &Struct, is_message: bool) -> String {
    let mut body = String::new();
    let untagged: Vec<&Field> = structure
        .fields
        .iter()
        .filter(|it| it.tag.is_none())
        .collect();
    for together in untagged.chunk_by(|a, b| a.versions == b.versions) {
        body.push_str(&fields(structure, together));
    }
    body.push_str(&tags(structure));
    let begin = match is_message {
        true => "writer.begin(Self::NAME, Self::VERSIONS, version)?;\n",
        false => "",
    };
    let body = format!("{begin}{}{body}Ok(())\n", flexible_line(structure, &body));
    let version = version_parameter(&body);
    format!(
        "fn write(&self, writer: &mut Writer, {version}: i16) -> Result<(), WriteError> {{\n{body}}}\n"
    )
}

/// What writes neighbours that are there in the same versions.
fn fields(structure: &Struct, fields: &[&Field]) -> String {
    let write: String = fields
        .iter()
        .map(|field| {
            let it = format!("self.{}", ident(field));
            format!("{};\n", value(structure, field, &it))
        })
        .collect();
    let Some(condition) = condition(fields[0].versions, structure.versions) else {
        return write;
    };
    let absent: String = fields
        .iter()
        .filter(|it| !it.ignorable)
        .map(|it| absent(structure, it))
        .collect();
    match absent.as_str() {
        "" => format!("if {condition} {{ {write} }}\n"),
        absent => format!("if {condition} {{ {write} }} else {{ {absent} }}\n"),
    }
}

fn name(structure: &Struct, field: &Field) -> String {
    format!("\"{}.{}\"", structure.name, field.name)
}

/// The complaint when a field is set that the version does not have.
fn absent(structure: &Struct, field: &Field) -> String {
    let name = name(structure, field);
    format!("writer.absent({name}, {})?;", is_default(field))
}

/// What writes the tagged fields.
fn tags(structure: &Struct) -> String {
    let tagged = structure.tagged();
    let mut text = String::new();
    for field in tagged.iter().filter(|it| !it.ignorable) {
        if let Some(condition) = condition(field.versions, structure.versions) {
            let absent = absent(structure, field);
            let condition = match condition.strip_prefix("version >= ") {
                Some(first) => format!("version < {first}"),
                None => format!("!{condition}"),
            };
            text.push_str(&format!("if {condition} {{ {absent} }}\n"));
        }
    }
    let mut write = String::new();
    for field in &tagged {
        write.push_str(&tag(structure, field));
    }
    let begin = match tagged.is_empty() {
        true => "writer.tags();\n",
        false => "let tags = writer.tags();\n",
    };
    match flexible(structure) {
        Flexible::Never => {}
        Flexible::Always => text.push_str(&format!("{begin}{write}")),
        Flexible::From(_) => text.push_str(&format!("if flexible {{ {begin}{write} }}\n")),
    }
    text
}

fn tag(structure: &Struct, field: &Field) -> String {
    let tag = field.tag.unwrap_or_default();
    // Tagged fields are written in flexible versions only.
    let mut around = structure.versions;
    around.first = around.first.max(structure.flexible.unwrap_or_default());
    let condition = match condition(field.versions, around) {
        Some(condition) => format!("{condition} && {}", is_set(field)),
        None => is_set(field),
    };
    let value = value(structure, field, &format!("self.{}", ident(field)));
    let write = match value.strip_suffix('?') {
        // Its result is that of the whole.
        Some(value) => format!("|writer| {value}"),
        None => format!("|writer| {{ {value}; Ok(()) }}"),
    };
    format!("if {condition} {{ writer.tag(tags, {tag}, {write})?; }}\n")
}

/// The expression that writes a field.
fn value(structure: &Struct, field: &Field, it: &str) -> String {
    let name = name(structure, field);
    let compact = match field.tag {
        Some(_) => "true",
        None => compact(structure, field),
    };
    let null = null_condition(field);
    let is_nullable = field.null.is_some();
    match &field.kind {
        Type::One(Kind::Struct(_)) if is_nullable => format!(
            "match &{it} {{
                Some(it) => {{ writer.int8(1); it.write(writer, version) }}
                None => writer.not_there({name}, {null}),
            }}?"
        ),
        Type::One(Kind::Struct(_)) => format!("{it}.write(writer, version)?"),
        Type::One(kind) => {
            let method = method(kind);
            match (kind.fixed_size(), is_nullable) {
                (Some(_), _) => format!("writer.{method}({it})"),
                (None, false) => format!("writer.{method}({name}, &{it}, {compact})?"),
                (None, true) => {
                    format!("writer.{method}_or_null({name}, {it}.as_ref(), {compact}, {null})?")
                }
            }
        }
        Type::Array(kind) => {
            let element = match kind {
                Kind::Struct(_) => "it.write(writer, version)".to_owned(),
                kind if kind.fixed_size().is_some() => {
                    format!("{{ writer.{}(*it); Ok(()) }}", method(kind))
                }
                kind => format!("writer.{}({name}, it, {compact})", method(kind)),
            };
            match is_nullable {
                true => format!(
                    "writer.array_or_null({name}, {it}.as_deref(), {compact}, {null}, |writer, it| {element})?"
                ),
                false => {
                    format!("writer.array({name}, &{it}, {compact}, |writer, it| {element})?")
                }
            }
        }
    }
}

fn method(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Uint16 => "uint16",
        Kind::Int32 => "int32",
        Kind::Uint32 => "uint32",
        Kind::Int64 => "int64",
        Kind::Float64 => "float64",
        Kind::Uuid => "uuid",
        Kind::String => "string",
        Kind::StoredRecords => "segment",
        Kind::Bytes | Kind::Records | Kind::Struct(_) => "bytes",
    }
}
