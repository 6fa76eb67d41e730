//! One table to one module: its structs, what they default to, and how they are read and written.

use millrace_kafka_tables::{Field, Message, Struct, Table, Versions};

use super::values::{default, field_type, ident, is_natural};
use super::{header, read, write};

/// The module of a table in the folder of this name.
pub fn module(folder: &str, table: &Table) -> String {
    let source = format!("{folder}/{}.wire", table.name);
    let mut text = header(&source, &table.about);
    text.push_str("\nuse crate::prelude::*;\n");
    for structure in &table.structs {
        let message = table.messages.iter().find(|it| it.name == structure.name);
        text.push_str(&definition(table, structure, message));
        text.push_str(&match message {
            Some(message) => message_impl(table, structure, message),
            None => struct_impl(table, structure),
        });
    }
    text
}

fn definition(table: &Table, structure: &Struct, message: Option<&Message>) -> String {
    let name = &structure.name;
    let natural = structure.fields.iter().all(is_natural);
    let derive = if natural { "Default, " } else { "" };
    let about = match message {
        Some(message) => about_message(message),
        None => about_struct(table, structure),
    };
    let fields: String = structure
        .fields
        .iter()
        .map(|field| {
            let about = about_field(field, structure.versions);
            format!("{about}pub {}: {},\n", ident(field), field_type(field))
        })
        .collect();
    let mut text = format!(
        "\n/// {about}\n#[derive(Clone, Debug, {derive}PartialEq)]\npub struct {name} {{\n{fields}}}\n"
    );
    if !natural {
        let fields: String = structure
            .fields
            .iter()
            .map(|field| format!("{}: {},\n", ident(field), default(field)))
            .collect();
        text.push_str(&format!(
            "\nimpl Default for {name} {{\nfn default() -> Self {{\nSelf {{\n{fields}}}\n}}\n}}\n"
        ));
    }
    text
}

fn about_message(message: &Message) -> String {
    let versions = match message.versions {
        Versions { first, last } if first == last => format!("Version {first}"),
        Versions { first, last } => format!("Versions {first} to {last}"),
    };
    match message.flexible {
        None => format!("{versions}."),
        Some(first) if first == message.versions.first => format!("{versions}, flexible."),
        Some(first) => format!("{versions}, flexible from {first}."),
    }
}

fn about_struct(table: &Table, structure: &Struct) -> String {
    let uses = |field: &Field| {
        use millrace_kafka_tables::{Kind, Type};
        let (Type::One(kind) | Type::Array(kind)) = &field.kind;
        matches!(kind, Kind::Struct(name) if *name == structure.name)
    };
    let mut places = Vec::new();
    for owner in &table.structs {
        let fields = owner.fields.iter().filter(|it| uses(it));
        places.extend(fields.map(|field| format!("[`{}::{}`]", owner.name, field.name)));
    }
    let word = if structure.is_element {
        "An element"
    } else {
        "The value"
    };
    format!("{word} of {}.", places.join(" and "))
}

/// What a reader of the field has to know; nothing when it is always there and never null.
fn about_field(field: &Field, around: Versions) -> String {
    let Versions { first, last } = field.versions;
    let mut parts = Vec::new();
    match (first > around.first, last < around.last) {
        (false, false) => {}
        (true, false) => parts.push(format!("from version {first}")),
        (false, true) => parts.push(format!("to version {last}")),
        (true, true) if first == last => parts.push(format!("version {first} only")),
        (true, true) => parts.push(format!("versions {first} to {last}")),
    }
    if !parts.is_empty() && field.ignorable {
        parts.push("ignorable".to_owned());
    }
    if let Some(tag) = field.tag {
        parts.push(format!("tag {tag}"));
    }
    match field.null {
        Some(null) if null.first > first => {
            parts.push(format!("null from version {}", null.first));
        }
        Some(_) => parts.push("may be null".to_owned()),
        None => {}
    }
    let text = parts.join(", ");
    match text.split_at_checked(1) {
        Some((start, rest)) => format!("/// {}{rest}.\n", start.to_ascii_uppercase()),
        None => String::new(),
    }
}

fn message_impl(table: &Table, structure: &Struct, message: &Message) -> String {
    let name = &structure.name;
    let Versions { first, last } = message.versions;
    let flexible = message.flexible;
    let mut text = format!(
        "
impl Message for {name} {{
    const NAME: &'static str = {name:?};
    const VERSIONS: (i16, i16) = ({first}, {last});
    const FLEXIBLE: Option<i16> = {flexible:?};

    {}
    {}
}}
",
        read::function(table, structure, true),
        write::function(structure, true),
    );
    if let Some(id) = message.id {
        text.push_str(&format!(
            "\nimpl {name} {{\n/// The number of this kind of record.\npub const ID: i16 = {id};\n}}\n"
        ));
    }
    if let (Some(api), Some(stem)) = (&table.api, name.strip_suffix("Request")) {
        text.push_str(&format!(
            "\nimpl Request for {name} {{\nconst KEY: ApiKey = ApiKey::{};\ntype Response = {stem}Response;\n}}\n",
            api.name
        ));
    }
    text
}

fn struct_impl(table: &Table, structure: &Struct) -> String {
    format!(
        "\nimpl {} {{\n{}\n{}\n}}\n",
        structure.name,
        read::function(table, structure, false),
        write::function(structure, false),
    )
}
