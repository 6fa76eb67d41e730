//! Compaction beside a simple model: the list of all records that were ever written.
//!
//! Keys, tombstones, transactions, idempotent producers, sizes of batches and segments, codecs,
//! times and the moments of passes are random; each seed is one history. After every swap and every
//! start a reader of committed records, from the start of the log, must see records that were
//! written, in order, and the last value of each key. At the end, when all is decided and old, it
//! must see nothing else. `MILLRACE_LOG_SEEDS` sets how many histories are run.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod clients;
mod codecs;
mod history;
mod reader;

use history::History;

const SEEDS: u64 = 150;

#[test]
fn readers_see_the_last_value_of_each_key_and_at_the_end_nothing_else() {
    let seeds = std::env::var("MILLRACE_LOG_SEEDS").unwrap_or_default();
    let (first, end) = seeds.split_once("..").unwrap_or(("0", &seeds));
    let seeds = first.parse().unwrap()..end.parse().unwrap_or(SEEDS);
    let (mut swaps, mut gone) = (0, 0);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let mut history = History::new(seed);
        let ended = history.run();
        ended.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        swaps += history.swaps;
        gone += history.gone;
    }
    println!("{swaps} segments were cleaned, {gone} records were compacted away");
    assert!(swaps > 5 * count && gone > 100 * count, "nothing happened");
}
