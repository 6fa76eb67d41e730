//! Tar archives, in memory.

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
        // An empty name is what an empty `path` gives, which the checked way refuses.
        let appended = if name.is_empty() {
            header.set_cksum();
            builder.append(&header, &payload[..])
        } else {
            builder.append_data(&mut header, name, &payload[..])
        };
        appended.map_err(|error| Error::rejected(format!("add `{name}` to a tar: {error}")))?;
    }
    builder
        .into_inner()
        .map_err(|error| Error::rejected(format!("end a tar: {error}")))
}
