//! A log on a disk that loses power, runs full and breaks, beside a list of batches.
//!
//! After every start what was durable must be there, at the same offsets; what is there must have
//! been appended; producers, transactions, leader epochs, times and indexes must be those of the
//! batches; and nothing that was durable may have to be made anew. Each seed is one history.
//! `MILLRACE_LOG_SEEDS` sets how many are run.
//!
//! Where the log is compacted, readers of committed records must see the last value of each key
//! after every swap and every start, and no record that they could not have seen before.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod cleaner;
mod model;
mod visible;
mod world;

use std::ops::Range;

use millrace_log::files::sim::Skip;
use world::World;

/// How many histories are run when nobody says otherwise.
const SEEDS: u64 = 300;
/// Histories that were wrong once.
const ONCE_WRONG: [u64; 5] = [1283, 1352, 2934, 9079, 9474];

/// As these of a log that is compacted.
const COMPACTED_ONCE_WRONG: [u64; 2] = [954, 2309];

/// All from 0, or a range such as `1283..1284`.
fn seeds() -> Range<u64> {
    let Ok(set) = std::env::var("MILLRACE_LOG_SEEDS") else {
        return 0..SEEDS;
    };
    let (first, end) = set.split_once("..").unwrap_or(("0", &set));
    first.parse().unwrap()..end.parse().unwrap()
}

#[test]
fn what_was_durable_is_read_after_a_power_loss_and_nothing_else_was_made_up() {
    let mut starts = 0;
    let mut cuts = 0;
    let mut losses = 0;
    let mut interrupted = 0;
    for seed in seeds() {
        let mut world = World::new(seed, None);
        world
            .run()
            .unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        starts += world.starts;
        cuts += world.cuts;
        losses += world.losses;
        interrupted += world.interrupted;
    }
    println!("{starts} starts, {interrupted} of them interrupted");
    println!("{losses} power losses, {cuts} ends that were cut");
    let count = seeds().count() as u64;
    let is_rich = losses > count && cuts > count / 10 && interrupted > count / 10;
    assert!(is_rich, "nothing happened");
}

#[test]
fn what_was_wrong_once_is_right() {
    for seed in ONCE_WRONG {
        let ended = World::new(seed, None).run();
        ended.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
    for seed in COMPACTED_ONCE_WRONG {
        let ended = World::compacted(seed, None).run();
        ended.unwrap_or_else(|wrong| panic!("compacted, seed {seed}: {wrong}"));
    }
}

#[test]
fn a_compacted_log_has_the_last_value_of_each_key_after_a_power_loss() {
    let mut swaps = 0;
    for seed in seeds() {
        let mut world = World::compacted(seed, None);
        let ended = world.run();
        ended.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        swaps += world.swaps();
    }
    println!("{swaps} segments were cleaned");
    assert!(swaps > seeds().count() as u64, "nothing happened");
}

/// The first seed whose history shows that a sync is missing.
fn found(skip: Skip) -> Option<(u64, String)> {
    found_in(|seed| World::new(seed, Some(skip)))
}

fn found_in(world: impl Fn(u64) -> World) -> Option<(u64, String)> {
    seeds().find_map(|seed| {
        let wrong = world(seed).run().err()?;
        Some((seed, wrong))
    })
}

/// As [`found`], where the log is compacted; without the mistake the seed must be right.
fn found_compacted(skip: Skip) -> (u64, String) {
    let found = found_in(|seed| World::compacted(seed, Some(skip)));
    let (seed, wrong) = found.unwrap();
    World::compacted(seed, None).run().unwrap();
    (seed, wrong)
}

#[test]
fn a_cleaned_segment_that_is_not_synced_is_noticed() {
    let (seed, wrong) = found_compacted(Skip::FilesNamed(".log.cleaned"));
    println!("seed {seed}: {wrong}");
}

#[test]
fn the_index_of_a_cleaned_segment_that_is_not_synced_is_noticed() {
    let (seed, wrong) = found_compacted(Skip::FilesNamed("index.cleaned"));
    println!("seed {seed}: {wrong}");
}

#[test]
fn cleaned_segments_whose_names_are_not_synced_before_they_are_renamed_are_noticed() {
    let (seed, wrong) = found_compacted(Skip::DirectoriesWhere(&[
        (".log.cleaned", true),
        (".index.cleaned", true),
    ]));
    println!("seed {seed}: {wrong}");
}

#[test]
fn segments_that_are_removed_before_the_new_one_is_there_are_noticed() {
    let (seed, wrong) = found_compacted(Skip::DirectoriesWhere(&[
        (".log.swap", true),
        (".log.deleted", false),
    ]));
    println!("seed {seed}: {wrong}");
}

#[test]
fn a_cleaned_segment_that_is_in_its_place_before_the_old_ones_are_gone_is_noticed() {
    let (seed, wrong) = found_compacted(Skip::DirectoriesWhere(&[
        (".log.swap", true),
        (".log.deleted", true),
    ]));
    println!("seed {seed}: {wrong}");
}

#[test]
fn a_segment_that_is_not_synced_is_noticed() {
    let (seed, wrong) = found(Skip::FilesNamed(".log")).unwrap();
    println!("seed {seed}: {wrong}");
}

#[test]
fn a_directory_that_is_not_synced_is_noticed() {
    let (seed, wrong) = found(Skip::Directories).unwrap();
    println!("seed {seed}: {wrong}");
}

#[test]
fn a_file_that_is_renamed_before_it_is_synced_is_noticed() {
    let (seed, wrong) = found(Skip::FilesNamed(".tmp")).unwrap();
    println!("seed {seed}: {wrong}");
}

#[test]
fn an_index_that_is_not_synced_is_noticed() {
    let (seed, wrong) = found(Skip::FilesNamed("index")).unwrap();
    println!("seed {seed}: {wrong}");
}

#[test]
fn producers_that_are_not_synced_are_noticed() {
    let (seed, wrong) = found(Skip::FilesNamed(".snapshot")).unwrap();
    println!("seed {seed}: {wrong}");
}
