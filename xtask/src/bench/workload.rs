//! The workloads: which pipeline, how large, and how it is checked.

/// One workload of the table.
pub struct Workload {
    /// The word for it on the command line.
    pub name: &'static str,
    /// What it does, for the table.
    pub title: &'static str,
    /// File in `bench/pipelines`.
    pub config: &'static str,
    pub shape: Shape,
    /// Messages of one run unless `--count` says otherwise; for HTTP the time decides instead.
    pub messages: u64,
}

/// Where the messages come from and what is checked.
#[derive(Clone, Copy)]
pub enum Shape {
    /// The pipeline makes them and drops them; `checked` is the same pipeline with a file output,
    /// run once for each binary and verified.
    Generated { checked: &'static str },
    /// From a file of orders into a file, which is verified after every run.
    File,
    /// Requests in, requests out, counted by the sink.
    Http,
}

/// In the order of the table.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "b1",
        title: "generate → map → drop",
        config: "b1.yaml",
        shape: Shape::Generated {
            checked: "b1_file.yaml",
        },
        messages: 500_000,
    },
    Workload {
        name: "b2",
        title: "file → filter, map → file",
        config: "b2.yaml",
        shape: Shape::File,
        messages: 300_000,
    },
    Workload {
        name: "b4",
        title: "dedupe, branch with cache",
        config: "b4.yaml",
        shape: Shape::File,
        messages: 300_000,
    },
    Workload {
        name: "b5",
        title: "batch, archive, gzip",
        config: "b5.yaml",
        shape: Shape::File,
        messages: 300_000,
    },
    Workload {
        name: "b6",
        title: "HTTP → map → HTTP",
        config: "b6.yaml",
        shape: Shape::Http,
        messages: 0,
    },
];
