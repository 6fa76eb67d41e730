//! The notation of the tables, by example.

use millrace_kafka_tables::{Kind, Table, Type, Versions};

const EXAMPLE: &str = "\
# Says hello.
api 7 Greet
advertised 0-2

request 1-2 flexible 2+
  people: [Person] null 2+
    name: string
    age: int32 2+ = -1 tag 0 ignorable

response 1-2 flexible 2+
  best: Person null
";

#[test]
fn a_table_is_read() {
    let table = Table::parse("greet", EXAMPLE).unwrap();
    assert_eq!(table.about, "Says hello.");
    let api = table.api.as_ref().unwrap();
    assert_eq!((api.key, api.name.as_str()), (7, "Greet"));
    assert_eq!(api.advertised, Some(Versions { first: 0, last: 2 }));
    let names: Vec<&str> = table.messages.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["GreetRequest", "GreetResponse"]);
    let people = &table.structure("GreetRequest").fields[0];
    assert_eq!(people.kind, Type::Array(Kind::Struct("Person".into())));
    assert!(people.may_be_null(2) && !people.may_be_null(1));
    let person = table.structure("Person");
    let age = &person.fields[1];
    assert_eq!(age.versions, Versions { first: 2, last: 2 });
    assert_eq!((age.tag, age.ignorable), (Some(0), true));
    assert_eq!(age.default.as_deref(), Some("-1"));
    // The string's length; then it is compact, and a count of tags follows.
    assert_eq!(table.min_size(person, 1), 2);
    assert_eq!(table.min_size(person, 2), 2);
}

#[test]
fn what_breaks_the_notation_is_refused_with_its_line() {
    let cases = [
        ("request 0-1", "line 1: a request without an `api`"),
        ("api 1 A\nrequest 3-1", "line 2: `3-1` are no versions here"),
        ("message A 0\n  b int8", "line 2: a field without `:`"),
        (
            "message A 0\n  version: int8",
            "line 2: a field cannot be called `version`",
        ),
        ("message A 0\n  b: int9", "line 2: `int9` is no type"),
        (
            "message A 0\n  b: int8 soon",
            "line 2: `soon` is no option of a field",
        ),
        (
            "message A 0\n  b: int8 1+",
            "line 2: `1+` are no versions here",
        ),
        (
            "message A 0\n   b: int8",
            "line 2: fields of this depth are indented by 2",
        ),
        (
            "message A 0\n  b: int8 tag 1",
            "line 2: a tagged field in a message that is never flexible",
        ),
        (
            "message A 0\n  b: int8\n  b: int8",
            "line 3: a second field `b`",
        ),
        ("message A 0\nmessage A 0", "line 2: `A` is defined twice"),
        (
            "message A 0\n  b: int8 = 300",
            "A.b: `300` is no default of its type",
        ),
        (
            "message A 0\n  b: int8 null",
            "A.b: a value of this type is never null",
        ),
        ("message A 0\n  b: B", "`B` is not defined"),
        ("message A 0\n  b: B\nstruct B", "`B` has no fields"),
        ("message A 0\n  b: [A]", "`A` contains itself"),
        (
            "api 1 A\nrequest 0",
            "an API has a request and a response of the same versions",
        ),
    ];
    for (text, expected) in cases {
        let error = Table::parse("a", text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn a_struct_may_stand_after_its_first_use_and_is_there_for_all_of_them() {
    let text = "message A 0-3\n  b: [B] 0-1\n  c: B 3\n\nmessage C 0-4\n  b: B\n\nstruct B\n  d: int8 2+\n";
    let table = Table::parse("a", text).unwrap();
    let b = table.structure("B");
    assert!(b.is_element);
    assert_eq!(b.versions, Versions { first: 0, last: 4 });
    let text = "message A 0-3\n  b: [B] 2+\n    d: int8\n    e: int8 3\n\nmessage C 0-3\n  b: B\n";
    let b = &Table::parse("a", text).unwrap().structs[1];
    assert_eq!(b.fields[0].versions, Versions { first: 0, last: 3 });
    assert_eq!(b.fields[1].versions, Versions { first: 3, last: 3 });
}
