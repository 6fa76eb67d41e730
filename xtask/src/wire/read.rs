//! The functions that read structs.

use millrace_kafka_tables::{Field, Kind, Struct, Table, Type};

use super::values::{
    Flexible, compact, condition, default, field_type, flexible, flexible_line, ident, least,
    null_condition, version_parameter,
};

/// `fn read` of a struct.
pub fn function(table: &Table, structure: &Struct, is_message: bool) -> String {
    let mut body = String::new();
    for field in structure.fields.iter().filter(|it| it.tag.is_none()) {
        let value = value(table, structure, field);
        let value = match condition(field.versions, structure.versions) {
            None => value,
            Some(condition) => {
                let default = default(field);
                format!("if {condition} {{ {value} }} else {{ {default} }}")
            }
        };
        body.push_str(&format!("let {} = {value};\n", ident(field)));
    }
    body.push_str(&tags(table, structure));
    let fields: Vec<String> = structure.fields.iter().map(ident).collect();
    body.push_str(&format!("Ok(Self {{ {} }})\n", fields.join(", ")));
    let begin = match is_message {
        true => "reader.begin(Self::NAME, Self::VERSIONS, version)?;\n",
        false => "",
    };
    let body = format!("{begin}{}{body}", flexible_line(structure, &body));
    let version = version_parameter(&body);
    format!(
        "fn read(reader: &mut Reader, {version}: i16) -> Result<Self, ReadError> {{\n{body}}}\n"
    )
}

/// What reads the tagged fields.
fn tags(table: &Table, structure: &Struct) -> String {
    let owner = &structure.name;
    let tagged = structure.tagged();
    let mut text = String::new();
    for field in &tagged {
        text.push_str(&format!(
            "let mut {}: {} = {};\n",
            ident(field),
            field_type(field),
            default(field)
        ));
    }
    let read = match tagged.is_empty() {
        true => format!("reader.skip_tags({owner:?})?;\n"),
        false => {
            let arms: String = tagged.iter().map(|it| arm(table, structure, it)).collect();
            format!(
                "reader.tags({owner:?}, |reader, tag| {{
                    match tag {{ {arms} _ => return Ok(false), }}
                    Ok(true)
                }})?;\n"
            )
        }
    };
    match flexible(structure) {
        Flexible::Never => {}
        Flexible::Always => text.push_str(&read),
        Flexible::From(_) => text.push_str(&format!("if flexible {{ {read} }}\n")),
    }
    text
}

fn arm(table: &Table, structure: &Struct, field: &Field) -> String {
    let tag = field.tag.unwrap_or_default();
    // Those of later versions are skipped as unknown ones are.
    let guard = condition(field.versions, structure.versions);
    let guard = guard.filter(|_| {
        let first = structure.flexible.unwrap_or_default();
        field.versions.first > first || field.versions.last < structure.versions.last
    });
    let guard = guard.map_or(String::new(), |it| format!(" if {it}"));
    let value = value(table, structure, field);
    format!("{tag}{guard} => {{ {} = {value}; }}\n", ident(field))
}

/// The expression that reads a field.
fn value(table: &Table, structure: &Struct, field: &Field) -> String {
    let name = format!("\"{}.{}\"", structure.name, field.name);
    let compact = match field.tag {
        Some(_) => "true",
        None => compact(structure, field),
    };
    let null = null_condition(field);
    let is_nullable = field.null.is_some();
    match &field.kind {
        Type::One(Kind::Struct(kind)) if is_nullable => format!(
            "match reader.is_there({name}, {null})? {{
                true => Some({kind}::read(reader, version)?),
                false => None,
            }}"
        ),
        Type::One(Kind::Struct(kind)) => format!("{kind}::read(reader, version)?"),
        Type::One(kind) => format!("{}?", one(kind, &name, compact, &null, is_nullable)),
        Type::Array(kind) => {
            let least = least(table, structure, field, kind);
            let element = match kind {
                Kind::Struct(kind) => format!("{kind}::read(reader, version)"),
                kind => one(kind, &name, compact, "false", false),
            };
            let (suffix, null) = match is_nullable {
                true => ("_or_null", format!("{null}, ")),
                false => ("", String::new()),
            };
            format!("reader.array{suffix}({name}, {compact}, {null}{least}, |reader| {element})?")
        }
    }
}

/// The call that reads one value which is no struct.
fn one(kind: &Kind, name: &str, compact: &str, null: &str, is_nullable: bool) -> String {
    let method = match kind {
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
    };
    match (kind.fixed_size(), is_nullable) {
        (Some(_), _) => format!("reader.{method}({name})"),
        (None, false) => format!("reader.{method}({name}, {compact})"),
        (None, true) => format!("reader.{method}_or_null({name}, {compact}, {null})"),
    }
}
