//! The files that list modules.

use super::{FOLDERS, Folder, header};

/// `generated.rs`.
pub fn root() -> String {
    let mut text = header("", "");
    text.push_str("\npub mod api_key;\npub mod error_code;\npub mod kinds;\n");
    for folder in FOLDERS {
        text.push_str(&format!("pub mod {folder};\n"));
    }
    text
}

/// The file of a folder: its modules.
pub fn list(folder: &Folder) -> String {
    let about = match folder.name {
        "api" => "Requests and responses, one module for each API.",
        "metadata" => "The records of the metadata log.",
        _ => "Headers, and what records and snapshots hold.",
    };
    let mut text = header(folder.name, about);
    text.push_str(
        "//!\n//! A field without a comment is there in all versions and never null.\n\n",
    );
    for table in &folder.tables {
        text.push_str(&format!("pub mod {};\n", table.name));
    }
    text
}
