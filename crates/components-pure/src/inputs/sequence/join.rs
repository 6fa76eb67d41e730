//! Joining structured messages by an id, in memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use millrace_message::{Message, Metadata, Object, Segment, Value};
use millrace_spec::Spec;

/// What becomes of two values that stand at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub(super) enum MergeStrategy {
    /// Both go into an array; arrays are joined.
    Array,
    /// The later one stays.
    Replace,
    /// The earlier one stays.
    Keep,
}

/// Collects messages of the same id into one.
///
/// Each pass collects another part of the ids, so that fewer of them are in memory at a time.
pub(super) struct Joiner {
    id_path: Vec<Segment>,
    strategy: MergeStrategy,
    passes: u64,
    pass: u64,
    /// Where each id stands in `joined`.
    places: HashMap<Box<str>, usize>,
    /// In the order in which their ids appeared.
    joined: Vec<Joined>,
}

/// All that was collected of an id.
#[derive(Default)]
pub(super) struct Joined {
    fields: Object,
    metadata: Metadata,
}

/// What a message was to the join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It was collected; the place of its id.
    At(usize),
    /// Its id belongs to another pass.
    OtherPass,
    /// It is no object, or has no id that is a text.
    WithoutId,
}

impl Joiner {
    /// A join by the id at a dot path, in so many passes (at least 1).
    pub(super) fn new(id_path: &str, strategy: MergeStrategy, passes: u64) -> Self {
        Self {
            id_path: Segment::parse_dot_path(id_path),
            strategy,
            passes: passes.max(1),
            pass: 0,
            places: HashMap::new(),
            joined: Vec::new(),
        }
    }

    /// Collects a message.
    pub(super) fn add(&mut self, message: &mut Message) -> Added {
        let Ok(Value::Object(mut fields)) = message.take_value().map(|value| value.detach()) else {
            return Added::WithoutId;
        };
        let Some(id) = self.id_of(&fields) else {
            return Added::WithoutId;
        };
        if shard(&id, self.passes) != self.pass {
            return Added::OtherPass;
        }
        let place = match self.places.get(&id) {
            Some(place) => {
                fields = self.without_id(fields);
                merge(&mut self.joined[*place].fields, &fields, self.strategy);
                *place
            }
            None => {
                let place = self.joined.len();
                self.places.insert(id, place);
                self.joined.push(Joined {
                    fields,
                    metadata: Metadata::default(),
                });
                place
            }
        };
        for (key, value) in message.metadata.iter() {
            let metadata = &mut self.joined[place].metadata;
            metadata.set(key.detach(), value.detach());
        }
        Added::At(place)
    }

    /// What was collected so far of the id at this place.
    pub(super) fn message(&self, place: usize) -> Message {
        self.joined[place].message()
    }

    /// How many ids are held.
    pub(super) fn len(&self) -> usize {
        self.joined.len()
    }

    /// Ends the pass and gives what it has collected.
    pub(super) fn end_pass(&mut self) -> Vec<Joined> {
        self.pass += 1;
        self.places = HashMap::new();
        std::mem::take(&mut self.joined)
    }

    /// Whether every pass has been made.
    pub(super) fn is_over(&self) -> bool {
        self.pass >= self.passes
    }

    fn id_of(&self, fields: &Object) -> Option<Box<str>> {
        let (first, rest) = self.id_path.split_first()?;
        let value = fields.get(first.name())?;
        let id = value.path(rest)?;
        id.as_str().filter(|id| !id.is_empty()).map(Into::into)
    }

    fn without_id(&self, fields: Object) -> Object {
        let mut value = Value::Object(fields);
        // It is there: the id was read from it.
        let _removed = value.delete_path(&self.id_path);
        match value {
            Value::Object(fields) => fields,
            _ => Object::new(),
        }
    }
}

impl Joined {
    /// The message that it makes.
    pub(super) fn message(&self) -> Message {
        let mut message = Message::from_value(Value::Object(self.fields.clone()));
        message.metadata = self.metadata.clone();
        // The form that goes out, so that the message is counted with its size.
        let _printed = message.bytes();
        message
    }
}

/// The pass that collects this id: the same one in every run.
fn shard(id: &str, passes: u64) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(id) % passes
}

/// Adds the members of `from` to `into`; objects are merged member by member.
fn merge(into: &mut Object, from: &Object, strategy: MergeStrategy) {
    for (key, value) in from.entries() {
        let value = value.into_owned();
        match (into.get_mut(&key), value) {
            (None, value) => {
                into.insert(key, value);
            }
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, &from, strategy),
            (Some(held), value) => collide(held, value, strategy),
        }
    }
}

fn collide(held: &mut Value, value: Value, strategy: MergeStrategy) {
    match strategy {
        MergeStrategy::Keep => {}
        MergeStrategy::Replace => *held = value,
        MergeStrategy::Array => {
            let mut elements = elements(std::mem::replace(held, Value::Null));
            elements.extend(self::elements(value));
            *held = Value::Array(elements.into());
        }
    }
}

fn elements(value: Value) -> Vec<Value> {
    match value {
        Value::Array(array) => array.into_vec(),
        value => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn add_all(joiner: &mut Joiner, messages: &[&str]) -> Vec<Added> {
        let add = |text: &&str| joiner.add(&mut Message::from(*text));
        messages.iter().map(add).collect()
    }

    fn texts(joined: Vec<Joined>) -> Vec<String> {
        let text = |it: &Joined| String::from_utf8_lossy(it.message().bytes()).into_owned();
        joined.iter().map(text).collect()
    }

    fn join(strategy: MergeStrategy, messages: &[&str]) -> Vec<String> {
        let mut joiner = Joiner::new("id", strategy, 1);
        add_all(&mut joiner, messages);
        texts(joiner.end_pass())
    }

    #[test]
    fn values_that_collide_are_merged_by_the_strategy() {
        let messages = [
            r#"{"id":"a","x":1,"y":[1],"z":{"p":1},"s":1,"o":{"q":1}}"#,
            r#"{"id":"a","x":2,"y":[2,3],"z":{"p":2,"q":3},"s":[2],"o":4,"n":null}"#,
            r#"{"id":"a","x":3,"y":4,"n":5}"#,
        ];
        for (strategy, expected) in [
            (
                MergeStrategy::Array,
                r#"{"id":"a","n":[null,5],"o":[{"q":1},4],"s":[1,2],"x":[1,2,3],"y":[1,2,3,4],"z":{"p":[1,2],"q":3}}"#,
            ),
            (
                MergeStrategy::Replace,
                r#"{"id":"a","n":5,"o":4,"s":[2],"x":3,"y":4,"z":{"p":2,"q":3}}"#,
            ),
            (
                MergeStrategy::Keep,
                r#"{"id":"a","n":null,"o":{"q":1},"s":1,"x":1,"y":[1],"z":{"p":1,"q":3}}"#,
            ),
        ] {
            assert_eq!(join(strategy, &messages), [expected], "{strategy:?}");
        }
    }

    #[test]
    fn an_id_may_be_nested_and_stays_single() {
        let mut joiner = Joiner::new("a.b", MergeStrategy::Array, 1);
        add_all(
            &mut joiner,
            &[r#"{"a":{"b":"x","c":1}}"#, r#"{"a":{"b":"x","c":2}}"#],
        );
        assert_eq!(texts(joiner.end_pass()), [r#"{"a":{"b":"x","c":[1,2]}}"#]);
    }

    #[test]
    fn what_has_no_id_is_named_and_not_collected() {
        let mut joiner = Joiner::new("id", MergeStrategy::Array, 1);
        let messages = ["text", "[]", "{}", r#"{"id":1}"#, r#"{"id":""}"#];
        let added = add_all(&mut joiner, &messages);
        assert!(added.iter().all(|it| *it == Added::WithoutId), "{added:?}");
        assert!(joiner.end_pass().is_empty());
    }

    #[test]
    fn metadata_of_every_part_is_kept_and_the_last_one_wins() {
        let mut joiner = Joiner::new("id", MergeStrategy::Keep, 1);
        for (key, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
            let mut message = Message::from(r#"{"id":"x"}"#);
            message.metadata.set(key, value);
            joiner.add(&mut message);
        }
        let message = joiner.message(0);
        assert_eq!(message.metadata.get("a"), Some(&Value::from("3")));
        assert_eq!(message.metadata.get("b"), Some(&Value::from("2")));
    }

    proptest! {
        #[test]
        fn every_id_is_collected_in_exactly_one_pass(
            ids in proptest::collection::btree_set("[a-z]{1,4}", 0..40),
            passes in 1_u64..6,
        ) {
            let mut joiner = Joiner::new("id", MergeStrategy::Array, passes);
            let mut seen = Vec::new();
            while !joiner.is_over() {
                for id in &ids {
                    joiner.add(&mut Message::from(format!("{{\"id\":\"{id}\"}}").as_str()));
                }
                seen.extend(texts(joiner.end_pass()));
            }
            seen.sort();
            let expected: Vec<_> = ids.iter().map(|id| format!("{{\"id\":\"{id}\"}}")).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
