//! Who started whom, as `/proc` tells it.

use std::fs;

use anyhow::{Context, Result};

/// The children of process `root`, their children and so on.
pub(super) fn descendants(root: u32) -> Result<Vec<i32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").context("read `/proc`")? {
        let name = entry.context("read `/proc`")?.file_name();
        let Some(pid) = name.to_str().and_then(|it| it.parse::<i32>().ok()) else {
            continue;
        };
        // A process that has ended meanwhile is nobody's child.
        if let Some((_, parent)) = state_and_parent(pid) {
            parents.push((pid, parent));
        }
    }
    let mut found = vec![i32::try_from(root).context("a process id fits")?];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(
            parents
                .iter()
                .filter(|(_, it)| *it == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.remove(0);
    Ok(found)
}

/// Whether the process exists and has not ended.
pub(super) fn runs(pid: i32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

fn state_and_parent(pid: i32) -> Option<(char, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it is in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
