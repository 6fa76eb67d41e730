//! The one type that holds any record of the metadata log.

use millrace_kafka_tables::{Message, Table};

use super::{Folder, modules};

/// The file of the folder `metadata`: its modules and the enum over their records.
pub fn module(folder: &Folder) -> String {
    let mut records: Vec<(&Table, &Message)> = Vec::new();
    for table in &folder.tables {
        records.extend(table.messages.iter().map(|message| (table, message)));
    }
    records.sort_by_key(|(_, message)| message.id);
    let arms = |arm: &dyn Fn(&str, &str, i16) -> String| -> String {
        let arm = |(_, message): &(&Table, &Message)| {
            let name = &message.name;
            let variant = name.strip_suffix("Record").unwrap_or(name);
            arm(variant, name, message.id.unwrap_or_default())
        };
        records.iter().map(arm).collect()
    };
    let mut text = modules::list(folder);
    text.push_str("\nuse crate::prelude::*;\n");
    for (table, message) in &records {
        text.push_str(&format!("pub use {}::{};\n", table.name, message.name));
    }
    text.push_str(&format!(
        "
/// Any record of the metadata log.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataRecord {{
    {}
}}

impl MetadataRecord {{
    /// The number of its kind.
    pub fn id(&self) -> i16 {{
        match self {{
            {}
        }}
    }}

    /// The last version that the codec knows of its kind.
    pub fn latest_version(&self) -> i16 {{
        match self {{
            {}
        }}
    }}

    /// Reads the record of this number; `None` is one that the codec does not know.
    ///
    /// # Errors
    /// As those of [`Message::read`].
    pub fn read(id: i16, reader: &mut Reader, version: i16) -> Result<Option<Self>, ReadError> {{
        Ok(Some(match id {{
            {}
            _ => return Ok(None),
        }}))
    }}

    /// Writes the record, without its number and version.
    ///
    /// # Errors
    /// As those of [`Message::write`].
    pub fn write(&self, writer: &mut Writer, version: i16) -> Result<(), WriteError> {{
        match self {{
            {}
        }}
    }}
}}
",
        arms(&|variant, name, id| format!("/// Number {id}.\n{variant}({name}),")),
        arms(&|variant, name, _| format!("Self::{variant}(_) => {name}::ID,")),
        arms(&|variant, name, _| format!("Self::{variant}(_) => {name}::VERSIONS.1,")),
        arms(&|variant, name, _| format!(
            "{name}::ID => Self::{variant}({name}::read(reader, version)?),"
        )),
        arms(&|variant, _, _| format!("Self::{variant}(it) => it.write(writer, version),")),
    ));
    text
}
