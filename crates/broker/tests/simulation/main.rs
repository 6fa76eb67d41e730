//! The broker on a machine that is simulated: its disk loses power and breaks, the process is
//! killed, and clients go on with the next one. The code is the shipped one; only threads, sockets,
//! disk, clock and chance are replaced.
//!
//! An oracle holds against it what clients were told: what was acknowledged stays, in order and
//! once; an offset has one value (where syncs are left to the kernel, one for each leader epoch);
//! the high watermark and the last stable offset never go back while a broker lives, and what was
//! shown below them stays; transactions are whole or not there; offsets of groups, deleted records
//! and topics stay as they were told. Each seed is one history, the same whenever it is run.
//!
//! `MILLRACE_BROKER_SEEDS` sets which are run: a number for all from 0, or a range such as
//! `17..18`, which is told step by step with `MILLRACE_BROKER_LOUD`.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod cast;
mod check;
mod clients;
mod link;
mod machine;
mod told;
mod world;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use millrace_log::files::sim::Skip;
use world::{Events, World};

/// How many histories are run when nobody says otherwise.
const SEEDS: u64 = 300;

fn seeds() -> Range<u64> {
    let Ok(set) = std::env::var("MILLRACE_BROKER_SEEDS") else {
        return 0..SEEDS;
    };
    let (first, end) = set.split_once("..").unwrap_or(("0", &set));
    first.parse().unwrap()..end.parse().unwrap()
}

fn run(seed: u64, skip: Option<Skip>) -> Result<Events, String> {
    let is_loud = std::env::var_os("MILLRACE_BROKER_LOUD").is_some();
    World::new(seed, skip, is_loud).run()
}

/// Runs all seeds on all cores.
fn run_all() -> Events {
    let next = AtomicU64::new(seeds().start);
    let work = || {
        let mut sum = Events::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds().end {
                return sum;
            }
            sum += run(seed, None).unwrap_or_else(|wrong| {
                // The other threads need not go on.
                next.store(seeds().end, Ordering::Relaxed);
                panic!("seed {seed}: {wrong}")
            });
        }
    };
    let mut sum = Events::default();
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            sum += thread.join().unwrap();
        }
    });
    sum
}

#[test]
fn what_clients_were_told_holds_in_every_history() {
    let sum = run_all();
    println!("{sum:?}");
    let count = seeds().count() as u64;
    let is_rich = sum.losses > count && sum.kills > count / 3 && sum.acknowledged > 50 * count;
    assert!(
        is_rich && sum.transactions > 5 * count,
        "nothing happened: {sum:?}"
    );
}

#[test]
fn a_seed_is_the_same_history_each_time() {
    let mut notes = 0;
    for seed in 0..20 {
        let first = run(seed, None).unwrap();
        assert_eq!(first, run(seed, None).unwrap(), "seed {seed}");
        notes += first.trace.0;
    }
    assert!(notes > 1000, "there are no histories");
}

fn is_found(skip: Skip) {
    let found = (0..300).find(|seed| run(*seed, Some(skip)).is_err());
    assert!(found.is_some(), "{skip:?} is not found");
}

#[test]
fn a_sync_of_segments_that_is_left_out_is_found() {
    is_found(Skip::FilesNamed(".log"));
}

#[test]
fn a_sync_of_directories_that_is_left_out_is_found() {
    is_found(Skip::Directories);
}

#[test]
fn a_rename_before_the_sync_is_found() {
    is_found(Skip::FilesNamed(".tmp"));
}
