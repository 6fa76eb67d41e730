//! Has Kafka's own `DumpLogSegments` read every file that a broker has left.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::install::java;

/// How many files one run of the tool reads: their names are one argument, which has a limit.
const AT_ONCE: usize = 500;

const TOOL: &str = "org.apache.kafka.tools.DumpLogSegments";

/// How a kind of file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reading {
    Records,
    Offsets,
    Metadata,
    Index,
    Producers,
}

impl Reading {
    /// How a file is read; `None` for one that the tool does not know.
    fn of(path: &Path) -> Option<Self> {
        let directory = path.parent().and_then(Path::file_name);
        let directory = directory.and_then(OsStr::to_str).unwrap_or_default();
        Some(match path.extension().and_then(OsStr::to_str)? {
            "log" if directory.starts_with("__consumer_offsets-") => Self::Offsets,
            "log" | "checkpoint" if directory.starts_with("__cluster_metadata-") => Self::Metadata,
            "log" => Self::Records,
            "index" | "timeindex" | "txnindex" => Self::Index,
            "snapshot" => Self::Producers,
            _ => return None,
        })
    }

    /// The flags of each run of the tool: an index is looked at for itself, and beside its log.
    fn runs(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Records => &[&["--deep-iteration"]],
            Self::Offsets => &[&["--deep-iteration", "--offsets-decoder"]],
            Self::Metadata => &[&["--deep-iteration", "--cluster-metadata-decoder"]],
            Self::Index => &[&["--index-sanity-check"], &["--verify-index-only"]],
            Self::Producers => &[&[]],
        }
    }
}

/// Reads all files below `data`; returns how many there are of each kind, or what is wrong.
pub fn check(class_path: &str, data: &Path) -> Result<String> {
    let mut kinds: BTreeMap<Reading, Vec<PathBuf>> = BTreeMap::new();
    collect(data, &mut kinds)?;
    for needed in [Reading::Records, Reading::Offsets, Reading::Metadata] {
        if !kinds.contains_key(&needed) {
            bail!("the broker has left no file of the kind {needed:?}");
        }
    }
    for (reading, files) in &kinds {
        for flags in reading.runs() {
            for some in files.chunks(AT_ONCE) {
                dump(class_path, flags, some)?;
            }
        }
    }
    let counts = kinds
        .iter()
        .map(|(kind, files)| format!("{} {kind:?}", files.len()));
    Ok(counts.collect::<Vec<_>>().join(", "))
}

fn dump(class_path: &str, flags: &[&str], files: &[PathBuf]) -> Result<()> {
    let names: Vec<_> = files.iter().map(|it| it.to_string_lossy()).collect();
    let mut command = java(class_path);
    command.arg(TOOL).args(flags);
    command.args(["--files", &names.join(",")]);
    let output = command.output().context("start java")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("DumpLogSegments ended with {}: {said}", output.status);
    }
    let read = printed
        .lines()
        .filter(|it| it.starts_with("Dumping "))
        .count();
    if read != files.len() {
        bail!("DumpLogSegments has read {read} of {} files", files.len());
    }
    match complaints(&printed).as_slice() {
        [] => Ok(()),
        found => bail!("DumpLogSegments {}:\n{}", flags.join(" "), found.join("\n")),
    }
}

/// What the tool finds wrong, as far as it prints it.
fn complaints(printed: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut file = None;
    let mut about = "";
    for line in printed.lines() {
        if let Some(path) = line.strip_prefix("Non-consecutive offsets in ") {
            (file, about) = (Some(path), line);
        } else if let (Some(path), Some(next)) = (file, line.strip_prefix("  -1 is followed by ")) {
            // It begins to count at 0, whatever the first offset of the file is.
            let name = Path::new(path).file_stem().and_then(OsStr::to_str);
            let first = name.and_then(|it| it.parse::<i64>().ok());
            if next.parse().ok() != first {
                found.push(format!("{about}: {}", line.trim()));
            }
        } else if file.is_some() && line.contains(" is followed by ") {
            found.push(format!("{about}: {}", line.trim()));
        } else {
            file = None;
            if COMPLAINTS.iter().any(|it| line.contains(it)) {
                found.push(line.to_owned());
            }
        }
    }
    found.truncate(20);
    found
}

/// The words of the tool; `isvalid` is that of a batch, `isValid` that of an old message.
const COMPLAINTS: &[&str] = &[
    " invalid bytes at the end of ",
    "isvalid: false",
    "isValid: false",
    "Mismatches in ",
    "Ignoring unknown file",
    "Found timestamp mismatch in ",
    "Found out of order timestamp in ",
    "Indexed offset: ",
];

fn collect(dir: &Path, kinds: &mut BTreeMap<Reading, Vec<PathBuf>>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("read `{}`", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, kinds)?;
        } else if let Some(reading) = Reading::of(&path) {
            kinds.entry(reading).or_default().push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_with_a_wrong_checksum_is_a_complaint() {
        let batch = "baseOffset: 0 lastOffset: 0 size: 68 magic: 2 crc: 1 isvalid: ";
        assert_eq!(
            complaints(&format!("Dumping a.log\n{batch}true\n")).len(),
            0
        );
        assert_eq!(
            complaints(&format!("Dumping a.log\n{batch}false\n")).len(),
            1
        );
    }

    #[test]
    fn a_gap_is_a_complaint_and_the_first_offset_of_a_file_is_none() {
        let gap = "Non-consecutive offsets in /d/t-0/00000000000000000007.log\n  ";
        assert!(complaints(&format!("{gap}-1 is followed by 7\n")).is_empty());
        assert_eq!(complaints(&format!("{gap}-1 is followed by 8\n")).len(), 1);
        assert_eq!(
            complaints(&format!(
                "{gap}-1 is followed by 7\n  8 is followed by 10\n"
            ))
            .len(),
            1
        );
    }

    #[test]
    fn files_are_read_as_what_they_hold() {
        let of = |path: &str| Reading::of(Path::new(path));
        assert_eq!(of("d/__consumer_offsets-4/0.log"), Some(Reading::Offsets));
        assert_eq!(of("d/my__consumer_offsets-4/0.log"), Some(Reading::Records));
        assert_eq!(of("d/__cluster_metadata-0/0.log"), Some(Reading::Metadata));
        let snapshot = "d/__cluster_metadata-0/0-0.checkpoint";
        assert_eq!(of(snapshot), Some(Reading::Metadata));
        assert_eq!(of("d/t-0/0.timeindex"), Some(Reading::Index));
        assert_eq!(of("d/t-0/leader-epoch-checkpoint"), None);
    }
}
