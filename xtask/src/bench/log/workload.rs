//! What is measured.

/// A workload.
#[derive(Debug)]
pub struct Workload {
    pub name: &'static str,
    pub title: &'static str,
    pub messages: u64,
    /// The bytes of a value.
    pub size: u64,
    pub partitions: i32,
    /// When the broker answers.
    pub durability: Durability,
    /// Arguments of the client beside those that every workload has.
    pub client: &'static [&'static str],
    /// Whether it is consuming that is measured.
    pub consumes: bool,
}

/// When the broker answers a producer; each broker has its own setting for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the operating system has it.
    System,
    /// When it is on the disk.
    Disk,
}

impl Durability {
    /// The setting of a topic, for Millrace and for Kafka.
    pub fn settings(self) -> [Option<&'static str>; 2] {
        match self {
            Self::System => [Some("flush.mode=os"), None],
            Self::Disk => [Some("flush.mode=group"), Some("flush.messages=1")],
        }
    }
}

/// What the workloads have in common.
pub const PLAIN: Workload = Workload {
    name: "",
    title: "",
    messages: 1_000_000,
    size: 1024,
    partitions: 1,
    durability: Durability::System,
    client: &["-a", "1", "-X", "linger.ms=5"],
    consumes: false,
};

/// Arguments of a client that takes a partition at random for each message.
pub const SPREAD: &[&str] = &[
    "-a",
    "1",
    "-X",
    "linger.ms=50",
    "-X",
    "sticky.partitioning.linger.ms=0",
];

/// All workloads, in the order in which they run.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "b1",
        title: "1 KiB, acks=1",
        ..PLAIN
    },
    Workload {
        name: "b2",
        title: "100 B, acks=1",
        messages: 5_000_000,
        size: 100,
        ..PLAIN
    },
    Workload {
        name: "b3a",
        title: "1 KiB, acks=all",
        client: &["-a", "-1", "-X", "linger.ms=5"],
        ..PLAIN
    },
    Workload {
        name: "b3b",
        title: "1 KiB, acks=all, on disk, 100 partitions",
        messages: 200_000,
        partitions: 100,
        durability: Durability::Disk,
        client: &["-a", "-1", "-X", "linger.ms=5"],
        ..PLAIN
    },
    Workload {
        name: "b5-lz4",
        title: "1 KiB, acks=1, lz4",
        client: &["-a", "1", "-X", "linger.ms=5", "-z", "lz4"],
        ..PLAIN
    },
    Workload {
        name: "b5-zstd",
        title: "1 KiB, acks=1, zstd",
        client: &["-a", "1", "-X", "linger.ms=5", "-z", "zstd"],
        ..PLAIN
    },
    Workload {
        name: "b6",
        title: "1 KiB, acks=all, idempotent",
        client: &[
            "-a",
            "-1",
            "-X",
            "linger.ms=5",
            "-X",
            "enable.idempotence=true",
        ],
        ..PLAIN
    },
    Workload {
        name: "b11",
        title: "100 B, one message a request",
        messages: 100_000,
        size: 100,
        client: &["-a", "1", "-X", "linger.ms=0", "-X", "batch.num.messages=1"],
        ..PLAIN
    },
    Workload {
        name: "c1",
        title: "consume 1 KiB",
        consumes: true,
        ..PLAIN
    },
    Workload {
        name: "c2",
        title: "consume 100 B",
        messages: 5_000_000,
        size: 100,
        consumes: true,
        ..PLAIN
    },
];
