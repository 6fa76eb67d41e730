//! What is known of a file, as metadata.

use std::fs::Metadata as FileMetadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use millrace_message::Metadata;

/// What is known of a file.
pub(super) struct Status {
    path: String,
    name: String,
    size: i64,
    modified_unix: i64,
    modified: String,
    is_folder: bool,
    mode: String,
}

impl Status {
    pub fn of(path: &Path, metadata: &FileMetadata) -> Self {
        let modified = jiff::Timestamp::from_second(metadata.mtime()).unwrap_or_default();
        let name = path.file_name().map(|name| name.to_string_lossy());
        Self {
            path: path.display().to_string(),
            name: name.map_or_else(|| path.display().to_string(), |name| name.into_owned()),
            size: i64::try_from(metadata.len()).unwrap_or(i64::MAX),
            modified_unix: metadata.mtime(),
            modified: modified.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            is_folder: metadata.is_dir(),
            mode: mode(metadata),
        }
    }

    pub fn set_on(&self, metadata: &mut Metadata) {
        metadata.set("file_path", self.path.as_str());
        metadata.set("file_size", self.size);
        metadata.set("file_mod_time_unix", self.modified_unix);
        metadata.set("file_mod_time", self.modified.as_str());
        metadata.set("file_name", self.name.as_str());
        metadata.set("file_is_dir", self.is_folder);
        metadata.set("file_mode", self.mode.as_str());
    }
}

/// The mode as Go writes it: letters for the kind and for special bits, and the permissions.
fn mode(metadata: &FileMetadata) -> String {
    let (kind, bits) = (metadata.file_type(), metadata.permissions().mode());
    let letters = [
        ('d', kind.is_dir()),
        ('D', kind.is_block_device() || kind.is_char_device()),
        ('p', kind.is_fifo()),
        ('S', kind.is_socket()),
        ('u', bits & 0o4000 != 0),
        ('g', bits & 0o2000 != 0),
        ('c', kind.is_char_device()),
        ('t', bits & 0o1000 != 0),
    ];
    let mut text: String = letters.iter().filter(|it| it.1).map(|it| it.0).collect();
    if text.is_empty() {
        text.push('-');
    }
    let permissions = "rwxrwxrwx".chars().enumerate();
    text.extend(
        permissions.map(|(index, letter)| match bits & (0o400 >> index) {
            0 => '-',
            _ => letter,
        }),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_has_letters_as_in_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("it can be written");
        let text = |path: &Path, bits: u32| {
            let permissions = std::fs::Permissions::from_mode(bits);
            std::fs::set_permissions(path, permissions).expect("it is ours");
            mode(&std::fs::metadata(path).expect("it is there"))
        };
        assert_eq!(text(&file, 0o644), "-rw-r--r--");
        assert_eq!(text(&file, 0o4711), "urwx--x--x");
        assert_eq!(text(folder.path(), 0o1777), "dtrwxrwxrwx");
        let null = std::fs::metadata("/dev/null").expect("it is there");
        assert_eq!(mode(&null), "Dcrw-rw-rw-");
    }
}
