//! What is there at the end of a history, beside what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Duration, sleep};

use crate::cast::{Cast, PLACES};
use crate::clients::idempotent::Idempotent;
use crate::clients::reader::{Shown, fetch, read_all};
use crate::clients::transactional::{Outcome, Transactional};
use crate::clients::{Stage, groups, operator, origin};
use crate::link::{Gone, Link};
use crate::told::Place;

/// Compares everything; what is wrong is told to the oracle.
pub async fn all(stage: &Stage, cast: &Cast) -> Result<(), Gone> {
    operator::make(stage, &cast.topics).await?;
    let mut link = stage.link();
    settle(stage, &mut link, &cast.transactional).await?;
    for group in &cast.groups {
        let check = async || group.check(stage, &mut stage.link()).await;
        until(stage, "the offset of a group", check).await?;
    }
    cast.operator.check(stage, &mut link).await?;
    let found = read(stage, &mut link).await?;
    for producer in &cast.producers {
        in_order(stage, producer, &found);
    }
    for producer in &cast.transactional {
        whole(stage, producer, &found);
        offset(stage, &mut link, producer).await?;
    }
    Ok(())
}

/// Asks again until it works; where it does not for long, that is wrong.
async fn until(
    stage: &Stage,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<bool, Gone>,
) -> Result<(), Gone> {
    for _ in 0..500 {
        if ask().await? {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    stage.told.wrong(|| format!("{what} cannot be had"));
    Ok(())
}

/// Ends all transactions; then nothing holds up readers of committed records.
async fn settle(
    stage: &Stage,
    link: &mut Link,
    producers: &[Arc<Transactional>],
) -> Result<(), Gone> {
    for producer in producers {
        let begin = async || producer.begin(stage, &mut stage.link()).await;
        until(stage, "a number for a producer with transactions", begin).await?;
    }
    for shown in PLACES {
        let mut found = (0, 0);
        for _ in 0..200 {
            let data = fetch(link, shown.place, stage.told.start(shown.place), false, 0).await?;
            found = (data.last_stable_offset, data.high_watermark);
            if data.error_code == 0 && found.0 == found.1 {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        if found.0 != found.1 {
            stage
                .told
                .wrong(|| format!("a transaction in {:?} has no end: {found:?}", shown.place));
        }
    }
    Ok(())
}

/// What stands in the places: all of it, and what is committed.
#[derive(Default)]
struct Found {
    all: BTreeMap<Place, BTreeMap<i64, Bytes>>,
    committed: BTreeMap<Place, BTreeMap<i64, Bytes>>,
    /// The last value of each key.
    last: BTreeMap<Place, BTreeMap<Bytes, Bytes>>,
    starts: BTreeMap<Place, i64>,
}

async fn read(stage: &Stage, link: &mut Link) -> Result<Found, Gone> {
    let mut found = Found::default();
    for Shown {
        place, has_gaps, ..
    } in PLACES
    {
        for is_committed in [false, true] {
            let Some((start, records)) = read_all(link, place, is_committed).await? else {
                stage.told.wrong(|| format!("{place:?} cannot be read"));
                continue;
            };
            let keyed = records
                .values()
                .filter_map(|(key, value)| Some((key.clone()?, value.clone())));
            found.last.insert(place, keyed.collect());
            let values = records
                .into_iter()
                .map(|(offset, (_, value))| (offset, value));
            let values: BTreeMap<_, _> = values.collect();
            found.starts.insert(place, start);
            match is_committed {
                true => drop(found.committed.insert(place, values)),
                false => {
                    stage.told.compare(place, start, &values, has_gaps);
                    found.all.insert(place, values);
                }
            }
        }
    }
    Ok(found)
}

/// The records of a producer stand in their order, each once, and none that was acknowledged is
/// missing; where the place is compacted, each key has the last one.
fn in_order(stage: &Stage, producer: &Idempotent, found: &Found) {
    let name = producer.name.as_str();
    let records = found
        .all
        .get(&producer.place)
        .into_iter()
        .flat_map(|it| it.values());
    let own = records
        .filter_map(|it| origin(it))
        .filter(|(writer, _)| *writer == name);
    let numbers: Vec<i64> = own.map(|(_, number)| number).collect();
    if let Some(pair) = numbers.windows(2).find(|it| it[0] >= it[1]) {
        stage
            .told
            .wrong(|| format!("of {name} {} stands before {}", pair[0], pair[1]));
    }
    let (acknowledged, made) = producer.acknowledged();
    if numbers.last().is_some_and(|it| *it >= made) {
        stage
            .told
            .wrong(|| format!("of {name} a record was made up"));
    }
    if producer.keys > 0 {
        return last_of_keys(stage, producer, found, &acknowledged);
    }
    let present: BTreeSet<i64> = numbers.iter().copied().collect();
    // What stood before the first that is there may be deleted.
    let start = found.starts.get(&producer.place).copied().unwrap_or(0);
    let first = match start {
        0 => 0,
        _ => numbers.first().copied().unwrap_or(i64::MAX),
    };
    let missing = acknowledged
        .iter()
        .find(|it| **it >= first && !present.contains(it));
    if let Some(missing) = missing {
        stage
            .told
            .wrong(|| format!("{missing} of {name} was acknowledged and is gone"));
    }
}

fn last_of_keys(stage: &Stage, producer: &Idempotent, found: &Found, acknowledged: &[i64]) {
    let mut wanted: BTreeMap<i64, i64> = BTreeMap::new();
    for first in acknowledged {
        // All records of a batch have the key of its first.
        let last = wanted.entry(first % producer.keys).or_default();
        *last = (*last).max(*first);
    }
    let last = found.last.get(&producer.place);
    let lasts = last
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| origin(value));
    let newest = lasts.map(|(_, number)| number).max();
    if newest < acknowledged.iter().copied().max() {
        stage
            .told
            .wrong(|| format!("the newest of {} is {newest:?}", producer.name));
    }
}

/// Each transaction is there as a whole or not at all, as it was told.
fn whole(stage: &Stage, producer: &Transactional, found: &Found) {
    let seen = |place: &Place, value: &Bytes| {
        let values = found
            .committed
            .get(place)
            .into_iter()
            .flat_map(|it| it.values());
        values.filter(|it| *it == value).count()
    };
    for (number, transaction) in producer.transactions().iter().enumerate() {
        let counts: BTreeSet<usize> = transaction
            .values
            .iter()
            .map(|(place, it)| seen(place, it))
            .collect();
        let outcome = transaction.outcome;
        let is_right = match outcome {
            Outcome::Committed => counts.iter().all(|it| *it == 1),
            Outcome::Aborted | Outcome::Open => counts.iter().all(|it| *it == 0),
            Outcome::Asked(_) => counts.len() <= 1 && counts.iter().all(|it| *it <= 1),
        };
        let mut values = transaction.values.iter().map(|(_, value)| value);
        let is_over = matches!(outcome, Outcome::Aborted | Outcome::Open);
        if is_over && values.any(|it| stage.told.is_shown_as_committed(it)) {
            (stage.told).wrong(|| {
                format!(
                    "transaction {number} of {} was shown and aborted",
                    producer.name
                )
            });
        }
        if !is_right {
            stage.told.wrong(|| {
                let name = &producer.name;
                format!("transaction {number} of {name} is {outcome:?}, and its records are there {counts:?} times")
            });
        }
    }
}

/// The offset that a producer with transactions has committed is that of its last transaction with
/// one that is committed.
async fn offset(stage: &Stage, link: &mut Link, producer: &Transactional) -> Result<(), Gone> {
    let mut allowed = BTreeSet::from([-1]);
    for (number, transaction) in (1..).zip(producer.transactions()) {
        match transaction.outcome {
            _ if !transaction.has_offset => {}
            Outcome::Committed => allowed = BTreeSet::from([number]),
            Outcome::Asked(true) => drop(allowed.insert(number)),
            Outcome::Asked(false) | Outcome::Aborted | Outcome::Open => {}
        }
    }
    for _ in 0..200 {
        match groups::committed(link, &producer.name, producer.places[0]).await? {
            Some(found) if allowed.contains(&found) => return Ok(()),
            Some(found) => {
                let name = &producer.name;
                stage.told.wrong(|| {
                    format!("{name} has the offset {found}, and one of {allowed:?} was told")
                });
                return Ok(());
            }
            None => sleep(Duration::from_millis(50)).await,
        }
    }
    stage
        .told
        .wrong(|| format!("the offset of {} cannot be had", producer.name));
    Ok(())
}
