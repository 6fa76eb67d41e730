use std::path::Path;

use crate::testing::{batch, processor, run, text, try_processor};

const PERSON: &str = r#"
syntax = "proto3";
package testing;
message Person { string first_name = 1; int32 age = 2; }
"#;

const HOUSE: &str = r#"
syntax = "proto3";
package testing;
import "people/person.proto";
message House { repeated Person people = 1; }
"#;

/// A folder with a schema in two files.
pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("people")).expect("a folder");
    std::fs::write(folder.path().join("people/person.proto"), PERSON).expect("a file");
    std::fs::write(folder.path().join("house.proto"), HOUSE).expect("a file");
    std::fs::write(folder.path().join("README.md"), "no Protobuf").expect("a file");
    folder
}

pub(super) fn config(operator: &str, message: &str, path: &Path) -> String {
    let path = path.display();
    format!("protobuf: {{ operator: {operator}, message: {message}, import_paths: [ '{path}' ] }}")
}

#[test]
fn json_becomes_protobuf_and_comes_back_and_one_bad_message_spoils_no_other() {
    let folder = folder();
    let there = processor(&config("from_json", "testing.House", folder.path()));
    let back = processor(&config("to_json", "testing.House", folder.path()));
    let document = br#"{"people":[{"age":5,"firstName":"a"}]}"#;
    let encoded = run(&there, batch(&[document, b"no JSON", b"{\"x\":1}"]));
    assert_eq!(encoded[0], Ok(b"\x0a\x05\x0a\x01a\x10\x05".to_vec()));
    assert!(text(&encoded[1]).contains("no JSON"), "{encoded:?}");
    assert!(
        text(&encoded[2]).contains("unknown field \"x\""),
        "{encoded:?}"
    );
    let encoded = encoded[0].clone().expect("it was encoded");
    let decoded = run(&back, batch(&[&encoded, b"\xff"]));
    assert_eq!(decoded[0], Ok(document.to_vec()));
    assert!(text(&decoded[1]).contains("no message `testing.House`"));
}

#[test]
fn a_single_file_is_a_schema_too() {
    let folder = folder();
    let file = folder.path().join("people/person.proto");
    let processor = processor(&config("from_json", "testing.Person", &file));
    let encoded = run(&processor, batch(&[br#"{"age":1}"#]));
    assert_eq!(encoded, [Ok(b"\x10\x01".to_vec())]);
}

#[test]
fn a_schema_that_cannot_be_used_is_refused_with_the_remedy() {
    let folder = folder();
    let empty = tempfile::tempdir().expect("a folder");
    let lonely = tempfile::tempdir().expect("a folder");
    std::fs::write(lonely.path().join("house.proto"), HOUSE).expect("a file");
    for (config, complaint) in [
        (
            "protobuf: { operator: to_json, message: a.B }".to_owned(),
            "import_paths",
        ),
        (
            "protobuf: { operator: to_json, message: '', import_paths: [ . ] }".to_owned(),
            "the type has no name",
        ),
        (
            "protobuf: { operator: to_json, message: a.B, bsr: [ { module: c/d } ] }".to_owned(),
            "`buf.build/exampleco/mymodule`",
        ),
        (
            "protobuf: { operator: to_json, message: a.B, bsr: [ { module: '//d' } ] }".to_owned(),
            "does not name its registry",
        ),
        (
            "protobuf: { operator: to_json, message: a.B, import_paths: [ . ], \
             bsr: [ { module: b/c/d } ] }"
                .to_owned(),
            "both `import_paths` and `bsr`",
        ),
        (
            "protobuf: { operator: to_json, message: a.B, bsr: [ { module: b, url: x } ] }"
                .to_owned(),
            "url: ",
        ),
        (
            config("to_json", "testing.Person", Path::new("/nowhere")),
            "/nowhere",
        ),
        (
            config("to_json", "testing.Person", empty.path()),
            "no `.proto` file",
        ),
        (
            config("to_json", "testing.House", lonely.path()),
            "people/person.proto",
        ),
        (
            config("to_json", "Person", folder.path()),
            "package.Message",
        ),
        (
            config("explode", "testing.Person", folder.path()),
            "explode",
        ),
    ] {
        let error = try_processor(&config).err();
        let error = error.unwrap_or_else(|| panic!("{config} is built"));
        assert!(error.contains(complaint), "{config}: {error}");
    }
}
