use super::*;
use crate::metadata::example::{self, Partition, dir};

/// A partition of the brokers 1 and 2 in a cluster of four.
fn image() -> Image {
    let partition = Partition {
        leader: 1,
        replicas: vec![1, 2],
        isr: vec![1, 2],
    };
    example::image(&[1, 2, 3, 4], partition)
}

fn ask(image: &mut Image, target: Target<'_>) -> Result<bool, ErrorCode> {
    let topic = image.topic(example::TOPIC).map(|it| &**it);
    let record = reassign(image, topic, 0, target).map_err(|it| it.code)?;
    if let Some(record) = &record {
        image.apply(record).unwrap();
    }
    Ok(record.is_some())
}

fn move_to(image: &mut Image, ids: &[i32]) -> Result<bool, ErrorCode> {
    let target = Target::Brokers {
        ids,
        may_change_factor: true,
    };
    ask(image, target)
}

fn keeping_the_factor(image: &mut Image, ids: &[i32]) -> Result<bool, ErrorCode> {
    let target = Target::Brokers {
        ids,
        may_change_factor: false,
    };
    ask(image, target)
}

/// What the leader asks for when these are in sync.
fn in_sync(image: &mut Image, isr: &[i32]) {
    let topic = image.topic(example::TOPIC).map(|it| &**it);
    let partition = Changing::find(image, topic, 0).unwrap();
    let next = PartitionImage {
        isr: isr.to_vec(),
        ..partition.now.clone()
    };
    let record = partition.record(next, Election::Online).unwrap();
    image.apply(&record).unwrap();
}

#[test]
fn brokers_that_cannot_have_a_partition_are_refused() {
    let mut image = image();
    for ids in [&[][..], &[1, 1], &[1, -2], &[1, 9]] {
        let refused = move_to(&mut image, ids);
        assert_eq!(refused, Err(ErrorCode::InvalidReplicaAssignment), "{ids:?}");
    }
}

#[test]
fn what_is_there_already_changes_nothing() {
    let mut image = image();
    assert_eq!(move_to(&mut image, &[1, 2]), Ok(false));
    assert_eq!(keeping_the_factor(&mut image, &[1, 2]), Ok(false));
    let back = ask(&mut image, Target::Back);
    assert_eq!(back, Err(ErrorCode::NoReassignmentInProgress));
}

#[test]
fn the_number_of_replicas_changes_only_where_it_may() {
    let mut image = image();
    let refused = Err(ErrorCode::InvalidReplicationFactor);
    assert_eq!(keeping_the_factor(&mut image, &[1]), refused);
    assert_eq!(keeping_the_factor(&mut image, &[1, 2, 3]), refused);
    assert_eq!(keeping_the_factor(&mut image, &[1, 3]), Ok(true));
    // It has three replicas while it moves, and is to have two.
    assert_eq!(keeping_the_factor(&mut image, &[1, 4]), Ok(true));
    assert_eq!(keeping_the_factor(&mut image, &[1, 3, 4]), refused);
}

#[test]
fn another_order_holds_at_once() {
    let mut image = image();
    assert_eq!(move_to(&mut image, &[2, 1]), Ok(true));
    let partition = example::partition(&image);
    assert_eq!((partition.leader, &*partition.replicas), (1, &[2, 1][..]));
    assert_eq!(partition.dirs, [dir(2), dir(1)]);
    assert!(!partition.is_reassigned());
}

#[test]
fn a_replica_that_is_taken_away_is_gone_at_once() {
    let mut image = image();
    assert_eq!(move_to(&mut image, &[2]), Ok(true));
    let partition = example::partition(&image);
    assert_eq!((partition.leader, partition.leader_epoch), (2, 1));
    assert_eq!(
        (&*partition.replicas, &*partition.isr),
        (&[2][..], &[2][..])
    );
    assert_eq!(partition.dirs, [dir(2)]);
}

#[test]
fn a_partition_leaves_a_broker_when_the_new_one_is_in_sync() {
    let mut image = image();
    assert_eq!(move_to(&mut image, &[3, 2]), Ok(true));
    let partition = example::partition(&image);
    assert_eq!(partition.replicas, [3, 2, 1]);
    assert_eq!(partition.dirs, [dir(3), dir(2), dir(1)]);
    assert_eq!(
        (&*partition.adding, &*partition.removing),
        (&[3][..], &[1][..])
    );
    assert_eq!((partition.leader, partition.leader_epoch), (1, 0));
    in_sync(&mut image, &[1, 2, 3]);
    let partition = example::partition(&image);
    assert_eq!(
        (&*partition.replicas, &*partition.isr),
        (&[3, 2][..], &[2, 3][..])
    );
    assert_eq!((partition.leader, partition.leader_epoch), (3, 1));
    assert!(!partition.is_reassigned());
}

#[test]
fn a_partition_that_moves_can_go_back_or_elsewhere() {
    let mut image = image();
    move_to(&mut image, &[3, 2]).unwrap();
    let mut elsewhere = image.clone();
    assert_eq!(ask(&mut image, Target::Back), Ok(true));
    let partition = example::partition(&image);
    assert_eq!(
        (&*partition.replicas, &*partition.isr),
        (&[2, 1][..], &[1, 2][..])
    );
    assert!(!partition.is_reassigned());
    assert_eq!(move_to(&mut elsewhere, &[4, 2]), Ok(true));
    let partition = example::partition(&elsewhere);
    assert_eq!(partition.replicas, [4, 2, 1, 3]);
    assert_eq!(
        (&*partition.adding, &*partition.removing),
        (&[4][..], &[1, 3][..])
    );
}

#[test]
fn a_partition_whose_old_replicas_are_all_behind_does_not_go_back() {
    let mut image = image();
    move_to(&mut image, &[3, 4]).unwrap();
    in_sync(&mut image, &[3]);
    let back = ask(&mut image, Target::Back);
    assert_eq!(back, Err(ErrorCode::InvalidReplicaAssignment));
}
