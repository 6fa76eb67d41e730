//! The coordinator through its contract.

mod commits;
mod deletes;
mod describes;
mod expiry;
mod failures;
mod fetches;
mod harness;
mod heartbeats;
mod invariants;
mod joins;
mod leaves;
mod loads;
mod random;
mod rebalances;
mod static_members;
mod syncs;
mod transactions;
