//! How much memory messages may take: half of what the machine or its control group allows.

use std::path::Path;

/// The default of `memory_limit`, in bytes: half of the smaller of the control group's limit and
/// the machine's memory; 512 MiB where neither can be read.
pub(crate) fn default_limit() -> usize {
    let machine = machine_memory(Path::new("/proc/meminfo"));
    let group = group_limit(Path::new("/sys/fs/cgroup/memory.max"));
    let available = [machine, group]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(1 << 30);
    usize::try_from(available / 2).unwrap_or(usize::MAX)
}

fn machine_memory(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The limit of the control group; `max` stands for none.
fn group_limit(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_a_limit_leaves_the_memory_of_the_machine() {
        assert!(group_limit(Path::new("/nonexistent")).is_none());
        assert!(default_limit() > 0);
    }
}
