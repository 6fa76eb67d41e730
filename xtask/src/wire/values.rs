//! Rust's types, defaults and conditions for what a table says.

use millrace_kafka_tables::{Field, Kind, Struct, Table, Type, Versions};

/// The type of one value.
pub fn kind_type(kind: &Kind) -> &str {
    match kind {
        Kind::Bool => "bool",
        Kind::Int8 => "i8",
        Kind::Int16 => "i16",
        Kind::Uint16 => "u16",
        Kind::Int32 => "i32",
        Kind::Uint32 => "u32",
        Kind::Int64 => "i64",
        Kind::Float64 => "f64",
        Kind::Uuid => "Uuid",
        Kind::String => "Str",
        Kind::Bytes | Kind::Records => "Bytes",
        Kind::StoredRecords => "Segment",
        Kind::Struct(name) => name,
    }
}

/// The type of a field.
pub fn field_type(field: &Field) -> String {
    let plain = match &field.kind {
        Type::One(kind) => kind_type(kind).to_owned(),
        Type::Array(kind) => format!("Vec<{}>", kind_type(kind)),
    };
    match field.null {
        Some(_) => format!("Option<{plain}>"),
        None => plain,
    }
}

/// The name of a field, which may be a word of the language.
pub fn ident(field: &Field) -> String {
    match field.name.as_str() {
        "type" | "match" | "ref" | "use" => format!("r#{}", field.name),
        name => name.to_owned(),
    }
}

/// The default of a field as an expression.
pub fn default(field: &Field) -> String {
    let plain = match (&field.default, &field.kind) {
        (Some(default), _) if default == "null" => return "None".to_owned(),
        (Some(default), Type::One(kind)) => match (default.as_str(), kind) {
            ("-2147483648", _) => "i32::MIN".to_owned(),
            ("2147483647", _) => "i32::MAX".to_owned(),
            ("9223372036854775807", _) => "i64::MAX".to_owned(),
            (default, _) => default.to_owned(),
        },
        (_, Type::Array(_)) => "Vec::new()".to_owned(),
        (None, Type::One(kind)) => match kind {
            Kind::Bool => "false".to_owned(),
            Kind::Float64 => "0.0".to_owned(),
            Kind::Uuid => "Uuid::ZERO".to_owned(),
            Kind::String => "Str::EMPTY".to_owned(),
            Kind::Bytes | Kind::Records => "Bytes::new()".to_owned(),
            Kind::StoredRecords | Kind::Struct(_) => format!("{}::default()", kind_type(kind)),
            _ => "0".to_owned(),
        },
    };
    match field.null {
        Some(_) => format!("Some({plain})"),
        None => plain,
    }
}

/// Whether `Default` of the field's type is its default.
pub fn is_natural(field: &Field) -> bool {
    match field.null {
        Some(_) => field.default.as_deref() == Some("null"),
        None => field.default.is_none(),
    }
}

/// An expression that is true when the field of `self` has its default.
pub fn is_default(field: &Field) -> String {
    let it = format!("self.{}", ident(field));
    if field.null.is_some() {
        return match field.default.as_deref() {
            Some("null") => format!("{it}.is_none()"),
            _ => format!("{it}.as_ref().is_some_and(|it| it.is_empty())"),
        };
    }
    match (&field.kind, field.default.as_deref()) {
        (Type::One(Kind::Bool), Some("true")) => it,
        (Type::One(Kind::Bool), _) => format!("!{it}"),
        (Type::One(Kind::Uuid), _) => format!("{it}.is_zero()"),
        (Type::One(Kind::String | Kind::Bytes | Kind::Records | Kind::StoredRecords), _)
        | (Type::Array(_), _) => format!("{it}.is_empty()"),
        _ => format!("{it} == {}", default(field)),
    }
}

/// The contrary of [`is_default`].
pub fn is_set(field: &Field) -> String {
    let is_default = is_default(field);
    match is_default.split_once(" == ") {
        Some((it, default)) => format!("{it} != {default}"),
        None => match is_default.strip_prefix('!') {
            Some(it) => it.to_owned(),
            None if is_default.ends_with(".is_none()") => is_default.replace("is_none", "is_some"),
            None => format!("!{is_default}"),
        },
    }
}

/// A condition on `version` that holds in `versions`, within `around`; `None` when it always does.
pub fn condition(versions: Versions, around: Versions) -> Option<String> {
    let Versions { first, last } = versions;
    match (first > around.first, last < around.last) {
        (false, false) => None,
        (true, false) => Some(format!("version >= {first}")),
        (false, true) => Some(format!("version <= {last}")),
        (true, true) if first == last => Some(format!("version == {first}")),
        (true, true) => Some(format!("({first}..={last}).contains(&version)")),
    }
}

/// Whether a value may be null, as an expression.
pub fn null_condition(field: &Field) -> String {
    match field.null {
        Some(null) => condition(null, field.versions).unwrap_or_else(|| "true".to_owned()),
        None => "false".to_owned(),
    }
}

/// Whether lengths are compact, as an expression.
pub fn compact(structure: &Struct, field: &Field) -> &'static str {
    match (field.plain, flexible(structure)) {
        (false, Flexible::Always) => "true",
        (false, Flexible::From(_)) => "flexible",
        _ => "false",
    }
}

/// In which versions of a struct tagged fields follow.
pub enum Flexible {
    Never,
    From(i16),
    Always,
}

pub fn flexible(structure: &Struct) -> Flexible {
    match structure.flexible {
        None => Flexible::Never,
        Some(first) if first <= structure.versions.first => Flexible::Always,
        Some(first) if first > structure.versions.last => Flexible::Never,
        Some(first) => Flexible::From(first),
    }
}

/// The line that says from where on a struct is flexible, where something depends on it.
pub fn flexible_line(structure: &Struct, body: &str) -> String {
    match flexible(structure) {
        Flexible::From(first) if body.contains("flexible") => {
            format!("let flexible = version >= {first};\n")
        }
        _ => String::new(),
    }
}

/// The fewest bytes of an element, as an expression.
pub fn least(table: &Table, structure: &Struct, field: &Field, kind: &Kind) -> String {
    // The last versions of the steps, and the size up to there.
    let mut steps: Vec<(i16, usize)> = Vec::new();
    for version in field.versions.all() {
        let compact = structure.is_flexible(version) && !field.plain;
        let size = table.min_size_of_kind(kind, version, compact);
        match steps.last_mut() {
            Some((last, before)) if *before == size => *last = version,
            _ => steps.push((version, size)),
        }
    }
    let newest = steps.pop().map_or(1, |(_, size)| size);
    if steps.is_empty() {
        return newest.to_string();
    }
    let mut arms = String::new();
    let mut first = String::new();
    for (last, size) in steps {
        let range = match first == last.to_string() {
            true => first,
            false => format!("{first}..={last}"),
        };
        arms.push_str(&format!("{range} => {size},"));
        first = (last + 1).to_string();
    }
    format!("match version {{ {arms} _ => {newest} }}")
}

/// The parameter `version` of a function, marked as unused where its body does not name it.
pub fn version_parameter(body: &str) -> &'static str {
    let is_word = |it: char| it.is_alphanumeric() || matches!(it, '_' | '.' | '"');
    let uses = body.match_indices("version").any(|(at, word)| {
        !body[..at].ends_with(is_word) && !body[at + word.len()..].starts_with(is_word)
    });
    match uses {
        true => "version",
        false => "_version",
    }
}
