//! Random clients, partitions that are told in any order, and brokers that crash: what was answered
//! holds, and every request is answered once.

mod clients;
mod partitions;
mod world;

use proptest::prelude::*;

use world::World;

/// Two for each of two transactional ids; of the two, the second knows version 2 of transactions.
const CLIENTS: usize = 4;
const PARTITIONS: i32 = 3;

#[derive(Clone, Debug)]
enum Op {
    Begin {
        client: usize,
    },
    GoOn {
        client: usize,
    },
    Add {
        client: usize,
        partition: i32,
    },
    Write {
        client: usize,
        partition: i32,
    },
    End {
        client: usize,
        committed: bool,
    },
    GiveId {
        is_ok: bool,
    },
    Tell {
        which: usize,
        is_part: bool,
    },
    Advance {
        ms: i64,
    },
    /// So many of the steps that were written become durable.
    Flush {
        steps: usize,
    },
    /// Of the steps that were written so many are found again, and of the partitions that are being
    /// told those of the mask know.
    Crash {
        found: usize,
        mask: u32,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    let partition = 0..PARTITIONS;
    let ms = prop_oneof![9 => 0..15_000_i64, 1 => Just(world::EXPIRATION_MS)];
    prop_oneof![
        3 => client.clone().prop_map(|client| Op::Begin { client }),
        1 => client.clone().prop_map(|client| Op::GoOn { client }),
        6 => (client.clone(), partition.clone())
            .prop_map(|(client, partition)| Op::Add { client, partition }),
        6 => (client.clone(), partition)
            .prop_map(|(client, partition)| Op::Write { client, partition }),
        5 => (client, any::<bool>()).prop_map(|(client, committed)| Op::End { client, committed }),
        2 => prop::bool::weighted(0.8).prop_map(|is_ok| Op::GiveId { is_ok }),
        5 => (0..8_usize, any::<bool>()).prop_map(|(which, is_part)| Op::Tell { which, is_part }),
        1 => ms.prop_map(|ms| Op::Advance { ms }),
        10 => (1..6_usize).prop_map(|steps| Op::Flush { steps }),
        1 => (0..4_usize, any::<u32>()).prop_map(|(found, mask)| Op::Crash { found, mask }),
    ]
}

fn act(world: &mut World, op: Op) {
    match op {
        Op::Begin { client } => world.init(client, false),
        Op::GoOn { client } => world.init(client, true),
        Op::Add { client, partition } => world.add(client, partition),
        Op::Write { client, partition } => world.write(client, partition),
        Op::End { client, committed } => world.end(client, committed),
        Op::GiveId { is_ok } => world.give_id(is_ok),
        Op::Tell { which, is_part } => world.tell(which, is_part),
        Op::Advance { ms } => world.advance(ms),
        Op::Flush { steps } => world.flush(steps),
        Op::Crash { found, mask } => world.crash(found, mask),
    }
}

proptest! {
    #[test]
    fn a_transaction_ends_in_all_partitions_as_it_was_answered(
        start in prop_oneof![0..3_i16, super::harness::LAST - 4..=super::harness::LAST],
        ops in prop::collection::vec(op(), 1..200),
    ) {
        let mut world = World::new(start);
        for op in ops {
            act(&mut world, op);
        }
        world.settle();
    }

    #[test]
    fn the_same_calls_have_the_same_effects(ops in prop::collection::vec(op(), 1..60)) {
        let mut worlds = [World::new(0), World::new(0)];
        for op in ops {
            for world in &mut worlds {
                act(world, op.clone());
            }
            prop_assert_eq!(worlds[0].shown(), worlds[1].shown());
        }
    }
}
