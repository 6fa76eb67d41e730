//! What the tables say is what the codec reads and writes, in every version of every message.

use bytes::Bytes;
use millrace_kafka_wire::{KINDS, Kind, Reader};

use crate::random::Random;
use crate::sample::{Choice, each_version, sample};

pub fn kind(name: &str) -> &'static Kind {
    let found = KINDS.iter().find(|it| it.name == name);
    found.unwrap_or_else(|| panic!("{name} is generated"))
}

/// The message read and written again.
fn rewritten(name: &str, version: i16, bytes: &[u8]) -> Bytes {
    let reader = Reader::new(Bytes::copy_from_slice(bytes));
    let read = (kind(name).rewrite)(reader, version);
    let written = read.unwrap_or_else(|error| panic!("{error}, in {bytes:02x?}"));
    written
        .unwrap_or_else(|error| panic!("{error}"))
        .into_bytes()
}

#[test]
fn random_messages_are_read_and_written_as_the_tables_say() {
    let mut random = Random::new(1);
    let mut count = 0;
    each_version(|table, message, version| {
        for _ in 0..50 {
            let bytes = sample(table, message, version, Choice::Random, &mut random);
            let again = rewritten(&message.name, version, &bytes);
            assert_eq!(again, bytes, "{} version {version}", message.name);
        }
        count += 1;
    });
    assert!(count > 350, "{count} versions of messages");
}

#[test]
fn a_message_of_defaults_is_written_as_the_tables_say() {
    let mut random = Random::new(2);
    each_version(|table, message, version| {
        let structure = table.structure(&message.name);
        let bytes = sample(table, message, version, Choice::Default, &mut random);
        // Strings and arrays are empty or null, tagged fields are not written.
        let has_struct = bytes.len() > table.min_size(structure, version);
        let is_nullable_struct = structure.fields.iter().any(|it| {
            matches!(
                &it.kind,
                millrace_kafka_tables::Type::One(millrace_kafka_tables::Kind::Struct(_))
            ) && it.null.is_some()
        });
        assert!(
            !has_struct || is_nullable_struct,
            "{} is as short as can be",
            message.name
        );
        assert_eq!(rewritten(&message.name, version, &bytes), bytes);
    });
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    each_version(|table, message, version| {
        if !table.structure(&message.name).is_flexible(version) {
            return;
        }
        let with = |choice| {
            let mut random = Random::new(u64::from(version.unsigned_abs()));
            sample(table, message, version, choice, &mut random)
        };
        let (plain, unknown) = (with(Choice::Random), with(Choice::RandomWithUnknown));
        assert!(unknown.len() > plain.len());
        assert_eq!(
            rewritten(&message.name, version, &unknown),
            plain,
            "{}",
            message.name
        );
    });
}

#[test]
fn every_message_of_the_tables_is_generated_with_its_versions() {
    let mut names = Vec::new();
    each_version(|_, message, _| {
        let kind = kind(&message.name);
        assert_eq!(
            kind.versions,
            (message.versions.first, message.versions.last)
        );
        assert_eq!(kind.flexible, message.flexible);
        names.push(message.name.clone());
    });
    names.dedup();
    assert_eq!(names.len(), KINDS.len());
}

#[test]
fn other_versions_are_refused() {
    for kind in KINDS {
        let (first, last) = kind.versions;
        for version in [first - 1, last + 1, i16::MIN, i16::MAX] {
            let error = (kind.rewrite)(Reader::new(Bytes::new()), version).unwrap_err();
            let expected = format!(
                "{} version {version}, byte 0: it is known in versions {first} to {last} only",
                kind.name
            );
            assert_eq!(error.to_string(), expected);
        }
    }
}
