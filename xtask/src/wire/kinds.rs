//! The list of all messages.

use super::{Folder, header};

/// `kinds.rs`.
pub fn list(folders: &[Folder]) -> String {
    let mut text = header("", "");
    text.push_str("\nuse crate::message::Kind;\n\n/// All messages, in the order of the tables.\npub const KINDS: &[Kind] = &[\n");
    for folder in folders {
        for table in &folder.tables {
            for message in &table.messages {
                let (folder, module, name) = (folder.name, &table.name, &message.name);
                text.push_str(&format!(
                    "Kind::of::<crate::generated::{folder}::{module}::{name}>(),\n"
                ));
            }
        }
    }
    text.push_str("];\n");
    text
}
