//! Tar archives, in memory.

use std::path::{Component, Path};

use millrace_message::{Error, Message, clock};

/// An archive with a file for each message, last changed now.
///
/// # Errors
/// A name cannot stand in the archive.
pub(super) fn write(batch: &[Message], names: &[String]) -> Result<Vec<u8>, Error> {
    let mut builder = tar::Builder::new(Vec::new());
    let now = clock::now().as_second().max(0).cast_unsigned();
    for (message, name) in batch.iter().zip(names) {
        let payload = message.bytes();
        let mut header = tar::Header::new_gnu();
        header.set_size(payload.len() as u64);
        header.set_mode(0o666);
        header.set_mtime(now);
        let appended = if is_plain(name) {
            builder.append_data(&mut header, name, &payload[..])
        } else {
            append_as_written(&mut builder, header, name, payload)
        };
        appended.map_err(|error| Error::rejected(format!("add `{name}` to a tar: {error}")))?;
    }
    builder
        .into_inner()
        .map_err(|error| Error::rejected(format!("end a tar: {error}")))
}

/// Whether a name is one of a file below the folder where the archive is unpacked.
fn is_plain(name: &str) -> bool {
    let is_within = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    !name.is_empty() && Path::new(name).components().all(is_within)
}

/// Adds a file under any name, as Bento does: an empty `path` gives an empty one, and who unpacks an
/// archive has to look at `..` all the same.
fn append_as_written(
    builder: &mut tar::Builder<Vec<u8>>,
    mut header: tar::Header,
    name: &str,
    payload: &[u8],
) -> std::io::Result<()> {
    let name = name.as_bytes();
    let kept = name.len().min(NAME_BYTES_MAX);
    if name.len() > kept {
        let mut long = tar::Header::new_gnu();
        write_name(&mut long, b"././@LongLink");
        long.set_entry_type(tar::EntryType::GNULongName);
        long.set_mode(0o644);
        long.set_size(name.len() as u64 + 1);
        long.set_cksum();
        builder.append(&long, &[name, b"\0"].concat()[..])?;
    }
    write_name(&mut header, &name[..kept]);
    header.set_cksum();
    builder.append(&header, payload)
}

/// The longest name that a header holds.
const NAME_BYTES_MAX: usize = 100;

fn write_name(header: &mut tar::Header, name: &[u8]) {
    let fields = header.as_gnu_mut().expect("the header is one of GNU");
    fields.name[..name.len()].copy_from_slice(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_its_folder_is_written_as_it_is() {
        let long = format!("../{}", "x".repeat(150));
        for name in ["../x", "/x/../y", "", &long, "a/b"] {
            let archive = write(&[Message::from("content")], &[name.to_owned()]);
            let archive = archive.expect("any name can be written");
            let mut archive = tar::Archive::new(&archive[..]);
            let mut entries = archive.entries().expect("it is a tar");
            let entry = entries.next().expect("a file").expect("it can be read");
            assert_eq!(entry.path_bytes(), name.as_bytes());
            assert_eq!(entry.size(), 7);
            assert!(entries.next().is_none(), "{name}");
        }
    }
}
