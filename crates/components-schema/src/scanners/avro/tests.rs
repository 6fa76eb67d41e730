use std::io::Cursor;

use millrace_component::conformance::{self, Workbench};
use millrace_formats::compression::{Algorithm, compress};

use super::*;

fn scanner(yaml: &str) -> Arc<dyn ScannerFactory> {
    Workbench::new([crate::SCANNERS]).scanner(yaml)
}

const SCHEMA: &str = r#"{"type":"record","name":"r","fields":[
    {"name":"u","type":["null","string"]},{"name":"n","type":"int"}]}"#;
const SYNC: [u8; 16] = *b"0123456789abcdef";
const MESSAGES: [&str; 3] = [
    r#"{"n":1,"u":{"string":"a"}}"#,
    r#"{"n":2,"u":null}"#,
    r#"{"n":-3,"u":{"string":"é"}}"#,
];
const FIRST: &[u8] = b"\x02\x02a\x02\0\x04";
const SECOND: &[u8] = b"\x02\x04\xc3\xa9\x05";

fn long(value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = value << 1;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

fn text(text: &[u8]) -> Vec<u8> {
    [&long(text.len())[..], text].concat()
}

fn header(schema: &str, codec: &str) -> Vec<u8> {
    let entries = [
        ("avro.schema", schema),
        ("avro.codec", codec),
        ("user", "x"),
    ];
    let mut out = b"Obj\x01".to_vec();
    out.extend(long(entries.len()));
    for (key, value) in entries {
        out.extend(text(key.as_bytes()));
        out.extend(text(value.as_bytes()));
    }
    out.push(0);
    out.extend(SYNC);
    out
}

fn block(count: usize, packed: &[u8]) -> Vec<u8> {
    [&long(count)[..], &text(packed), &SYNC].concat()
}

/// A file of two blocks.
fn file(codec: &str, pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let blocks = [block(2, &pack(FIRST)), block(1, &pack(SECOND))];
    [header(SCHEMA, codec), blocks.concat()].concat()
}

fn plain() -> Vec<u8> {
    file("null", <[u8]>::to_vec)
}

/// The messages of a stream, and the error that ended it.
fn scan(yaml: &str, stream: impl Read + Send + 'static) -> (Vec<String>, Option<Error>) {
    let details = SourceDetails {
        name: "input".to_owned(),
    };
    let mut scanner = scanner(yaml)
        .open(Box::new(stream), &details)
        .expect("it reads nothing");
    let mut messages = Vec::new();
    loop {
        match scanner.next() {
            Ok(Some(batch)) => messages.extend(
                batch
                    .iter()
                    .map(|it| String::from_utf8_lossy(it.bytes()).into_owned()),
            ),
            Ok(None) => return (messages, None),
            Err(error) => {
                assert!(matches!(scanner.next(), Ok(None)), "the error is the end");
                return (messages, Some(error));
            }
        }
    }
}

fn refused(stream: impl Read + Send + 'static) -> String {
    let (messages, error) = scan("avro: {}", stream);
    assert!(messages.is_empty(), "{messages:?}");
    error.expect("it is refused").to_string()
}

#[test]
fn it_keeps_the_promises_of_a_scanner() {
    conformance::scanner(&*scanner("avro: {}"), &plain(), &MESSAGES);
}

#[test]
fn raw_json_leaves_the_names_of_types_out() {
    let (messages, error) = scan("avro: { raw_json: true }", Cursor::new(plain()));
    assert_eq!(
        messages,
        [
            r#"{"n":1,"u":"a"}"#,
            r#"{"n":2,"u":null}"#,
            r#"{"n":-3,"u":"é"}"#
        ]
    );
    assert!(error.is_none());
}

#[test]
fn blocks_are_unpacked() {
    let with = |algorithm| move |block: &[u8]| compress(algorithm, None, block).unwrap();
    let snappy = |block: &[u8]| {
        let sum = crc32fast::hash(block).to_be_bytes();
        [with(Algorithm::Snappy)(block), sum.to_vec()].concat()
    };
    for file in [
        file("deflate", with(Algorithm::Flate)),
        file("zstandard", with(Algorithm::Zstd)),
        file("snappy", snappy),
    ] {
        let (messages, error) = scan("avro: {}", Cursor::new(file));
        assert_eq!(messages, MESSAGES);
        assert!(error.is_none(), "{error:?}");
    }
    let wrong_sum = |block: &[u8]| [with(Algorithm::Snappy)(block), vec![0; 4]].concat();
    assert!(refused(Cursor::new(file("snappy", wrong_sum))).contains("checksum"));
    assert!(refused(Cursor::new(file("xz", <[u8]>::to_vec))).contains("`xz`"));
}

#[test]
fn a_file_that_is_cut_is_an_error_after_the_whole_values() {
    let whole = plain();
    let blocks = header(SCHEMA, "null").len();
    let second = blocks + block(2, FIRST).len();
    for length in 0..whole.len() {
        let (messages, error) = scan("avro: {}", Cursor::new(whole[..length].to_vec()));
        // A file that ends behind a block is whole: nothing in it says how many follow.
        let is_whole = length == blocks || length == second;
        assert_eq!(error.is_none(), is_whole, "{length}: {error:?}");
        assert_eq!(
            messages.len(),
            if length < second { 0 } else { 2 },
            "{length}"
        );
    }
}

#[test]
fn damage_is_named_with_its_block() {
    let mut damaged = plain();
    let length = damaged.len();
    damaged[length - 1] ^= 1;
    let (messages, error) = scan("avro: {}", Cursor::new(damaged));
    assert_eq!(messages.len(), 2);
    let error = error.expect("it is damaged").to_string();
    assert!(
        error.starts_with("read input as Avro: `block 2`: "),
        "{error}"
    );
    let value = [header(SCHEMA, "null"), block(1, b"\x08")].concat();
    assert!(refused(Cursor::new(value)).contains("the place of a union's type 4 is none of 2"));
    let more = [header(SCHEMA, "null"), block(1, b"\0\0\0")].concat();
    assert!(refused(Cursor::new(more)).contains("1 bytes follow the last value"));
}

#[test]
fn sizes_that_are_only_claimed_cost_nothing() {
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let endless = || std::io::repeat(b'x');
    let key = [b"Obj\x01\x02".to_vec(), huge.to_vec()].concat();
    assert!(refused(Cursor::new(key).chain(endless())).contains("metadata is larger"));
    let many = [b"Obj\x01".to_vec(), huge.to_vec()].concat();
    assert!(refused(Cursor::new(many).chain(std::io::repeat(0))).contains("metadata is larger"));
    let block = [header(SCHEMA, "null"), vec![2], huge.to_vec()].concat();
    assert!(refused(Cursor::new(block).chain(endless())).contains("`max_size`"));
    let items = [
        header("\"null\"", "null"),
        huge.to_vec(),
        vec![0],
        SYNC.to_vec(),
    ]
    .concat();
    assert!(refused(Cursor::new(items)).contains("values in 0 bytes"));
}

#[test]
fn a_block_that_unpacks_above_the_bound_is_refused() {
    let bomb = vec![0; 1 << 20];
    let with = |algorithm| compress(algorithm, None, &bomb).unwrap();
    for (codec, packed) in [
        ("deflate", with(Algorithm::Flate)),
        ("zstandard", with(Algorithm::Zstd)),
        ("snappy", [with(Algorithm::Snappy), vec![0; 4]].concat()),
    ] {
        let file = [header(SCHEMA, codec), block(1, &packed)].concat();
        let (messages, error) = scan("avro: { max_size: 60000 }", Cursor::new(file));
        assert!(messages.is_empty());
        let error = error.expect("it is too large").to_string();
        assert!(
            error.contains("larger than 60000 bytes"),
            "{codec}: {error}"
        );
    }
}

#[test]
fn values_in_memory_are_ready() {
    let details = SourceDetails::default();
    let mut scanner = scanner("avro: {}")
        .open(Box::new(Cursor::new(plain())), &details)
        .expect("it reads nothing");
    let mut ready = Vec::new();
    while scanner.next().expect("it is whole").is_some() {
        ready.push(scanner.is_ready());
    }
    assert_eq!(ready, [true, false, false]);
}
