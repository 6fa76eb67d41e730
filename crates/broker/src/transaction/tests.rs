//! The coordinator through its contract.

mod adds;
mod ends;
mod failures;
mod harness;
mod holds;
mod inits;
mod lists;
mod loads;
mod producer_ids;
mod random;
mod records;
mod requests;
mod times;
