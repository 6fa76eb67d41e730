//! The metrics of the process itself, under the names that Prometheus clients share.

use std::fs;

use super::name::MetricName;
use super::scope::Scope;

/// The kernel's clock ticks as user space sees them: fixed at 100 on Linux, whatever its own rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// Registers `process_cpu_seconds_total`, `process_resident_memory_bytes` and their like, read from
/// `/proc` at each scrape. Where a file cannot be read its value is NaN, which Prometheus shows as no
/// value.
pub fn register_process_metrics(scope: &Scope) {
    let name = MetricName::verbatim;
    scope.counter_fn(name("process_cpu_seconds_total"), &[], || {
        or_nan(cpu_seconds())
    });
    type Read = fn() -> Option<f64>;
    let gauges: [(&'static str, Read); 5] = [
        ("process_resident_memory_bytes", || status_bytes("VmRSS:")),
        ("process_virtual_memory_bytes", || status_bytes("VmSize:")),
        ("process_open_fds", open_fds),
        ("process_max_fds", max_fds),
        ("process_start_time_seconds", start_seconds),
    ];
    for (gauge, value) in gauges {
        scope.gauge_fn(name(gauge), &[], move || or_nan(value()));
    }
}

fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// A field of `/proc/self/stat`, counted from the one behind the command, which may hold anything.
fn stat_field(index: usize) -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(index)?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    Some((stat_field(11)? + stat_field(12)?) / TICKS_PER_SECOND)
}

fn start_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = stat
        .lines()
        .find_map(|it| it.strip_prefix("btime "))?
        .parse()
        .ok()?;
    Some(boot + stat_field(19)? / TICKS_PER_SECOND)
}

fn status_bytes(field: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|it| it.strip_prefix(field))?;
    let kibibytes: f64 = value.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn open_fds() -> Option<f64> {
    // The listing itself holds one open.
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64 - 1.0)
}

fn max_fds() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|it| it.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::metric::{ComponentLabels, MetricKind, Registry, SeriesValue};

    #[test]
    fn the_process_is_measured() {
        let registry = Registry::default();
        let scope = registry.scope(ComponentLabels::default());
        register_process_metrics(&scope);
        let all = registry.snapshot();
        let value = |name: &str| {
            let series = all.iter().find(|it| &*it.name == name).unwrap();
            assert!(series.verbatim && series.labels.is_empty());
            match series.value {
                SeriesValue::Counter(value) | SeriesValue::Gauge(value) => (series.kind(), value),
                _ => panic!("{name}"),
            }
        };
        let (kind, cpu) = value("process_cpu_seconds_total");
        assert!(
            kind == MetricKind::Counter && (0.0..1e6).contains(&cpu),
            "{cpu}"
        );
        let (_, resident) = value("process_resident_memory_bytes");
        let (_, virtual_bytes) = value("process_virtual_memory_bytes");
        assert!(resident > 100_000.0 && virtual_bytes > resident);
        let (_, open) = value("process_open_fds");
        assert!(open >= 3.0 && open <= value("process_max_fds").1);
        let now = std::time::SystemTime::now();
        let now = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let (_, start) = value("process_start_time_seconds");
        assert!(start > 1.6e9 && start < now + 2.0, "{start}");
    }
}
