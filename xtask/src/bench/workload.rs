//! The workloads: which pipeline, how large, and how it is checked.

/// One workload of the table.
pub struct Workload {
    /// The word for it on the command line.
    pub name: &'static str,
    /// What it does, for the table.
    pub title: &'static str,
    /// File in `bench/pipelines`.
    pub config: &'static str,
    pub source: Source,
    /// For a pipeline that drops its messages the same one with a file output, run once for each
    /// binary and verified. Without it the output of every run is verified.
    pub checked: Option<&'static str>,
    /// Messages of one run unless `--count` says otherwise; for HTTP the time decides instead.
    pub messages: u64,
}

/// Where the messages come from.
#[derive(Clone, Copy, PartialEq)]
pub enum Source {
    /// The pipeline makes them.
    Generated,
    /// A file of orders as JSON lines.
    Orders,
    /// A file of access log lines.
    AccessLog,
    /// Requests, counted by the sink behind the output.
    Http,
}

/// In the order of the table.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "b1",
        title: "generate → map → drop",
        config: "b1.yaml",
        source: Source::Generated,
        checked: Some("b1_file.yaml"),
        messages: 500_000,
    },
    Workload {
        name: "b2",
        title: "file → filter, map → file",
        config: "b2.yaml",
        source: Source::Orders,
        checked: None,
        messages: 300_000,
    },
    Workload {
        name: "b3",
        title: "heavy mapping",
        config: "b3.yaml",
        source: Source::Orders,
        checked: Some("b3_file.yaml"),
        messages: 300_000,
    },
    Workload {
        name: "b3b",
        title: "grok",
        config: "b3b.yaml",
        source: Source::AccessLog,
        checked: Some("b3b_file.yaml"),
        messages: 300_000,
    },
    Workload {
        name: "b4",
        title: "dedupe, branch with cache",
        config: "b4.yaml",
        source: Source::Orders,
        checked: None,
        messages: 300_000,
    },
    Workload {
        name: "b5",
        title: "batch, archive, gzip",
        config: "b5.yaml",
        source: Source::Orders,
        checked: None,
        messages: 300_000,
    },
    Workload {
        name: "b6",
        title: "HTTP → map → HTTP",
        config: "b6.yaml",
        source: Source::Http,
        checked: None,
        messages: 0,
    },
];
