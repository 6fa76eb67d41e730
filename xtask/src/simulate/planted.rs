//! Mistakes that are planted into a copy of the source, each of which the simulator must find.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::{build, histories, target};

/// Says which mistake is made.
const PLANTED: &str = "MILLRACE_PLANTED";

/// A line of the source, and what a mistake would make of it.
struct Mistake {
    name: &'static str,
    file: &'static str,
    /// It stands once in the file.
    right: &'static str,
    wrong: &'static str,
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "segments are not synced",
        file: "crates/log/src/log/sync.rs",
        right: "for file in &self.synced {",
        wrong: "for file in self.synced.iter().filter(|_| !PLANTED) {",
    },
    Mistake {
        name: "new files of a log are not synced by name",
        file: "crates/log/src/log/sync.rs",
        right: "match self.directory {",
        wrong: "match self.directory && !PLANTED {",
    },
    Mistake {
        name: "a file is renamed before it is synced",
        file: "crates/log/src/files.rs",
        right: "file.sync()?;\n    files.rename(temporary, path)?;",
        wrong: "if !PLANTED { file.sync()?; }\n    files.rename(temporary, path)?;",
    },
    Mistake {
        name: "a new data directory is not synced by name",
        file: "crates/log/src/files.rs",
        right: "path.ancestors().take(missing.max(1))",
        wrong: "path.ancestors().take(if PLANTED { 0 } else { missing.max(1) })",
    },
    Mistake {
        name: "the high watermark moves before the records are durable",
        file: "crates/broker/src/partitions/owned.rs",
        right: "FlushMode::Group => self.log.durable_end(),",
        wrong: "FlushMode::Group => if PLANTED { self.log.end_offset() } else { self.log.durable_end() },",
    },
    Mistake {
        name: "the last stable offset does not wait for transactions",
        file: "crates/broker/src/partitions/partition.rs",
        right: "last_stable_offset: log.last_stable_offset(),",
        wrong: "last_stable_offset: if PLANTED { log.high_watermark() } else { log.last_stable_offset() },",
    },
    Mistake {
        name: "one partition is not told the end of a transaction",
        file: "crates/broker/src/coordinators/transactions.rs",
        right: "for (topic, index) in left {",
        wrong: "for (topic, index) in left.into_iter().skip(usize::from(PLANTED && markers.partitions.len() > 2)) {",
    },
    Mistake {
        name: "markers are not written again after a start",
        file: "crates/broker/src/coordinators/transactions.rs",
        right: "let effects = self.shard.loaded(now);",
        wrong: "let mut effects = self.shard.loaded(now); if PLANTED { effects.steps.clear(); }",
    },
    Mistake {
        name: "sequences are not known after a crash",
        file: "crates/log/src/log/recover.rs",
        right: "        self.producers = producers;\n        Ok(())",
        wrong: "        if !PLANTED { self.producers = producers; }\n        Ok(())",
    },
    Mistake {
        name: "a batch that comes again is not known",
        file: "crates/log/src/producer/entry.rs",
        right: "match header.producer_epoch == self.epoch && first >= 0 {",
        wrong: "match header.producer_epoch == self.epoch && first >= 0 && !PLANTED {",
    },
    Mistake {
        name: "a coordinator lets a producer write that was fenced",
        file: "crates/broker/src/transaction/add.rs",
        right: "it if it.epoch != epoch => Err(ErrorCode::ProducerFenced),",
        wrong: "it if it.epoch != epoch && !PLANTED => Err(ErrorCode::ProducerFenced),",
    },
    Mistake {
        name: "a start begins no leader epoch",
        file: "crates/broker/src/broker/start.rs",
        right: "records.extend(new_epochs(image, node_id));",
        wrong: "if !PLANTED { records.extend(new_epochs(image, node_id)); }",
    },
    Mistake {
        name: "a coordinator answers before its record is durable",
        file: "crates/broker/src/coordinators/actor.rs",
        right: "for step in steps {\n",
        wrong: "for mut step in steps {\n if PLANTED { waiting.answer(std::mem::take(&mut step.replies)); }\n",
    },
    Mistake {
        name: "the start of a log is not stored",
        file: "crates/broker/src/partitions/owned.rs",
        right: "let stored = self.partition.dir.set_start(&self.partition, start);",
        wrong: "let stored = if PLANTED { Ok(()) } else { self.partition.dir.set_start(&self.partition, start) };",
    },
    Mistake {
        name: "a snapshot of the metadata forgets which ids producers have",
        file: "crates/broker/src/metadata/records.rs",
        right: "chain([ids])",
        wrong: "chain((!PLANTED).then_some(ids))",
    },
    Mistake {
        name: "the metadata log is cut while an older snapshot may come back",
        file: "crates/log/src/beside.rs",
        right: "files.sync_dir(dir).on_disk(\"sync\", dir)",
        wrong: "if PLANTED { return Ok(()); }\n    files.sync_dir(dir).on_disk(\"sync\", dir)",
    },
    Mistake {
        name: "changes of the metadata are not synced",
        file: "crates/broker/src/metadata/log.rs",
        right: "let durable = self.log.sync()?;",
        wrong: "let durable = if PLANTED { self.log.end_offset() } else { self.log.sync()? };",
    },
    Mistake {
        name: "a directory counts as closed after a crash",
        file: "crates/log/src/dir.rs",
        right: "match self.files.unlink(&path) {",
        wrong: "match if PLANTED { self.files.open(&path, Open::Read).map(drop) } else { self.files.unlink(&path) } {",
    },
    Mistake {
        name: "compaction drops the last value of a key",
        file: "crates/log/src/clean/filter.rs",
        right: "self.map.get(key).is_some_and(|last| offset < last)",
        wrong: "self.map.get(key).is_some_and(|last| offset < last || PLANTED && offset == last && offset % 7 == 0)",
    },
];

/// Builds the copy and runs each mistake on it, or the one that is named; true when all are found.
pub fn run(seeds: &Range<u64>, only: Option<&str>) -> Result<bool> {
    let tree = target().join("planted");
    copy(&tree)?;
    for mistake in MISTAKES {
        plant(&tree, mistake)?;
    }
    // What is not of this repository is not built again.
    let binary = build(&tree, &std::path::absolute(target())?)?;
    // Whoever finds a mistake where there is none finds nothing.
    ensure!(
        find(
            &binary,
            "none",
            &(seeds.start..seeds.end.min(seeds.start + 100))
        )?
        .is_none(),
        "a mistake is found where none is planted"
    );
    let chosen = MISTAKES
        .iter()
        .filter(|it| only.is_none_or(|only| it.name.contains(only)));
    let mut are_found = true;
    for mistake in chosen {
        let begun = Instant::now();
        let found = find(&binary, mistake.name, seeds)?;
        are_found &= found.is_some();
        let text = found.unwrap_or_else(|| "NOT FOUND".to_owned());
        println!(
            "{:>6.1} s  {}: {text}",
            begun.elapsed().as_secs_f32(),
            mistake.name
        );
    }
    Ok(are_found)
}

/// What the simulator says of the first history that shows a mistake.
fn find(binary: &Path, name: &str, seeds: &Range<u64>) -> Result<Option<String>> {
    let told = histories(binary, seeds).env(PLANTED, name).output();
    let told = told.context("start the simulator")?;
    if told.status.success() {
        return Ok(None);
    }
    let text =
        String::from_utf8_lossy(&told.stderr).into_owned() + &String::from_utf8_lossy(&told.stdout);
    let line = text.lines().find(|it| it.starts_with("seed "));
    let line =
        line.with_context(|| format!("`{name}` ends the simulator without a seed:\n{text}"))?;
    Ok(Some(line.chars().take(150).collect()))
}

/// The files of the repository, as they are now.
fn copy(tree: &Path) -> Result<()> {
    let listed = Command::new("git").args(["ls-files", "-z"]).output();
    let listed = listed.context("start git")?;
    ensure!(listed.status.success(), "git does not list the files");
    let names = String::from_utf8(listed.stdout).context("names of files")?;
    for name in names.split('\0').filter(|it| !it.is_empty()) {
        let (from, to) = (PathBuf::from(name), tree.join(name));
        if from.is_file() {
            write(
                &to,
                &fs::read(&from).with_context(|| format!("read {name}"))?,
            )?;
        }
    }
    Ok(())
}

/// Writes a file that is another one now; one that is not keeps its time, so that it is not built
/// again.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|it| it == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

fn plant(tree: &Path, mistake: &Mistake) -> Result<()> {
    let path = tree.join(mistake.file);
    let source = fs::read_to_string(&path).with_context(|| format!("read {}", mistake.file))?;
    let count = source.matches(mistake.right).count();
    if count != 1 {
        let Mistake {
            name, file, right, ..
        } = mistake;
        bail!(
            "`{name}`: `{right}` stands {count} times in {file}, and not once; mend the list of mistakes"
        );
    }
    let name = mistake.name;
    let asked = format!("std::env::var(\"{PLANTED}\").is_ok_and(|it| it == \"{name}\")");
    let wrong = mistake.wrong.replace("PLANTED", &asked);
    write(&path, source.replace(mistake.right, &wrong).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_can_be_planted() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for mistake in MISTAKES {
            let source = fs::read_to_string(root.join(mistake.file)).unwrap();
            let count = source.matches(mistake.right).count();
            assert_eq!(count, 1, "{}: {}", mistake.file, mistake.right);
            assert!(mistake.wrong.contains("PLANTED"), "{}", mistake.name);
        }
    }
}
