//! `meta.properties`, which says whose a directory of logs is.

use std::collections::HashMap;

use millrace_kafka_wire::{Str, Uuid};

use super::LogDir;
use crate::error::{LogError, OnDisk};
use crate::files::replace;
use crate::names;

/// Whose a directory of logs is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirProperties {
    /// The cluster: an id as Kafka prints it, or any other text that somebody formatted it with.
    pub cluster_id: Str,
    /// The broker.
    pub node_id: i32,
    /// The directory itself.
    pub directory_id: Uuid,
}

impl LogDir {
    /// Whose it is; `None` when it is nobody's yet.
    ///
    /// # Errors
    /// The disk fails, or the file is not what Kafka writes in its version 1.
    pub fn properties(&self) -> Result<Option<DirProperties>, LogError> {
        let Some(bytes) = self.read(names::PROPERTIES)? else {
            return Ok(None);
        };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(parse);
        let lines = "it does not have `version=1`, `cluster.id`, `node.id` and `directory.id`";
        parsed.map(Some).ok_or_else(|| LogError::Malformed {
            path: self.path.join(names::PROPERTIES),
            reason: lines.to_owned(),
            remedy: "restore it",
        })
    }

    /// Says whose it is.
    ///
    /// # Durability
    /// It is on the medium on return.
    ///
    /// # Errors
    /// The disk fails.
    pub fn set_properties(&self, properties: &DirProperties) -> Result<(), LogError> {
        let path = self.path.join(names::PROPERTIES);
        let DirProperties {
            cluster_id,
            node_id,
            directory_id,
        } = properties;
        let text = format!(
            "cluster.id={cluster_id}\ndirectory.id={directory_id}\nnode.id={node_id}\nversion=1\n"
        );
        replace(&*self.files, &path, text.as_bytes()).on_disk("write", &path)
    }
}

fn parse(text: &str) -> Option<DirProperties> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs: HashMap<_, _> = lines.filter_map(|line| line.split_once('=')).collect();
    (pairs.get("version")?.trim() == "1").then_some(())?;
    Some(DirProperties {
        cluster_id: (*pairs.get("cluster.id")?).trim().into(),
        node_id: pairs.get("node.id")?.trim().parse().ok()?,
        directory_id: pairs.get("directory.id")?.trim().parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kafka_writes_is_read() {
        let text = "#\n#Sun Nov 29 14:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\n\
                    directory.id=AAAAAAAAAAAAAAAAAAAAAQ\nnode.id=1\nversion=1\n";
        let parsed = parse(text).unwrap();
        assert_eq!(parsed.node_id, 1);
        // Not the canonical form of an id, and the one that most examples of Kafka have.
        assert_eq!(parsed.cluster_id, "MkU3OEVBNTcwNTJENDM2Qk");
        assert_eq!(parse("version=0\nbroker.id=1\n"), None);
    }
}
