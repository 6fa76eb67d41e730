//! Why keys have no effect, said once for all that share the reason.

pub(super) const ACLS: &str = "access control is not built, and everyone may do everything";
pub(super) const ALONE: &str = "a broker stands alone, since replication is not built";
pub(super) const CERTIFICATES: &str = "a certificate is read when the broker starts";
pub(super) const CHECKPOINT: &str = "what is durable is recorded when it is synced";
pub(super) const CLEANER: &str = "one thread compacts, with buffers of its own size";
pub(super) const CORDON: &str = "every folder takes new partitions";
pub(super) const INTERNAL: &str = "it is for experiments with Kafka itself";
pub(super) const JAVA: &str = "there is no Java here that could run a class";
pub(super) const JITTER: &str = "segments end at the age that is set";
pub(super) const LEVELS: &str = "codecs have levels of their own";
pub(super) const LINGER: &str = "records that are ready are written together anyway";
pub(super) const LISTS: &str = "a wait that is over leaves its list at once";
pub(super) const LOADING: &str = "coordinators have buffers of their own size";
pub(super) const MECHANISM: &str = "the mechanism is not built, and is refused";
pub(super) const METADATA: &str = "the metadata log has bounds of its own";
pub(super) const METRICS: &str = "metrics are served to Prometheus";
pub(super) const MODERN: &str = "groups of the protocol `consumer` (KIP-848) are not built";
pub(super) const PEM: &str = "files of PEM are not encrypted as a whole";
pub(super) const PLAIN: &str = "committed offsets are not compressed";
pub(super) const POOLS: &str = "there is no such pool of threads";
pub(super) const PREALLOCATE: &str = "segments grow as they are written";
pub(super) const QUORUM: &str = "a broker is its own controller";
pub(super) const QUOTAS: &str = "quotas are not built";
/// Why a change differs, not why there is no effect.
pub(super) const RUNNING: &str = "Kafka takes a new value while it runs";
pub(super) const SHARE: &str = "share groups are not built";
pub(super) const STREAMS: &str = "streams groups are not built";
pub(super) const TELEMETRY: &str = "clients are not asked for metrics";
pub(super) const TIERED: &str = "logs are not kept in object storage";
pub(super) const TOKENS: &str = "delegation tokens are not built";
pub(super) const TWO_PHASE: &str = "transactions with two phases are not built";
pub(super) const UNLINK: &str = "what is deleted is unlinked at once";
pub(super) const VERSIONS: &str = "`ssl.enabled.protocols` has the versions";
pub(super) const VERIFIED: &str = "a broker alone asks itself";
