//! Features whose version a cluster agrees on (KIP-584).

use millrace_kafka_wire::metadata::{FeatureLevelRecord, MetadataRecord};

/// A feature that this broker knows.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Kafka's name.
    pub name: &'static str,
    pub first: i16,
    pub last: i16,
}

/// What a new cluster begins with is the last version of each.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "eligible.leader.replicas.version",
        first: 0,
        last: 1,
    },
    // From 3.3-IV3 to 4.3-IV0.
    Feature {
        name: "metadata.version",
        first: 7,
        last: 30,
    },
    Feature {
        name: "transaction.version",
        first: 0,
        last: 2,
    },
];

/// The records that put the features of a new cluster in force.
pub fn bootstrap() -> impl Iterator<Item = MetadataRecord> {
    FEATURES.iter().map(|feature| {
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: feature.name.into(),
            feature_level: feature.last,
        })
    })
}
