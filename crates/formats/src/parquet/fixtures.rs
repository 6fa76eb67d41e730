//! Files of Apache Arrow's C++ writer, which has all types: the same three rows in each of them,
//! once for every compression, version of pages and encoding.

use super::{Lists, read};

const ROWS: [&str; 3] = [
    concat!(
        r#"{"b":true,"bin":"x","d":0.1,"date":18262,"dec":1.5,"f":0.1,"fix":"YWJjZA==","i8":1,"#,
        r#""l":[1,null,3],"ll":[[1],[]],"ls":[{"a":1,"t":["p","q"]},{"a":2,"t":null}],"#,
        r#""m":{"j":null,"k":1},"s":"a","st":{"a":1,"b":["x"]},"ts":1577840523000004,"#,
        r#""u32":4294967295,"u64":18446744073709551615}"#,
    ),
    concat!(
        r#"{"b":null,"bin":"/wA=","d":null,"date":null,"dec":-12345678901234567890.12,"f":null,"#,
        r#""fix":null,"i8":-2,"l":[],"ll":null,"ls":null,"m":{},"s":"täxt","st":null,"#,
        r#""ts":null,"u32":0,"u64":1}"#,
    ),
    concat!(
        r#"{"b":false,"bin":null,"d":2,"date":-1,"dec":null,"f":1e+38,"fix":"ZWZnaA==","#,
        r#""i8":null,"l":null,"ll":[[2,3],null],"ls":[],"m":null,"s":null,"#,
        r#""st":{"a":null,"b":[]},"ts":null,"u32":7,"u64":null}"#,
    ),
];

fn rows(file: &[u8], lists: Lists) -> Vec<String> {
    let rows = read(file, lists, 1 << 20).unwrap_or_else(|error| panic!("{error}"));
    let json = rows.iter().map(|row| row.to_json());
    json.map(|json| String::from_utf8_lossy(&json).into_owned())
        .collect()
}

macro_rules! fixture {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../fixtures/parquet/", $name, ".parquet")).as_slice(),
        )
    };
}

const FIXTURES: [(&str, &[u8]); 9] = [
    fixture!("snappy-1.0"),
    fixture!("none-2.0"),
    fixture!("snappy-2.0"),
    fixture!("gzip-2.0"),
    fixture!("brotli-2.0"),
    fixture!("zstd-2.0"),
    fixture!("lz4-2.0"),
    fixture!("plain"),
    fixture!("delta"),
];

#[test]
fn files_of_another_writer_are_read() {
    for (name, file) in FIXTURES {
        assert_eq!(rows(file, Lists::Arrays), ROWS, "{name}");
    }
}

#[test]
fn lists_can_be_read_as_the_groups_that_they_are_made_of() {
    let (_, file) = FIXTURES[0];
    let row = &rows(file, Lists::Groups)[0];
    for part in [
        r#""l":{"list":[{"element":1},{"element":null},{"element":3}]}"#,
        r#""ll":{"list":[{"element":{"list":[{"element":1}]}},{"element":{"list":[]}}]}"#,
        r#""st":{"a":1,"b":{"list":[{"element":"x"}]}}"#,
    ] {
        assert!(row.contains(part), "{row}");
    }
}

#[test]
fn times_of_older_writers_are_nanoseconds() {
    let (_, file) = fixture!("int96");
    assert_eq!(rows(file, Lists::Arrays), [r#"{"t":1577836800000000000}"#]);
}

#[test]
fn no_change_of_a_file_panics_or_takes_more_than_it_may() {
    // A generator of numbers that is the same every time.
    let mut state = 1_u64;
    let mut number = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for (_, file) in FIXTURES {
        for _ in 0..500 {
            let mut changed = file.to_vec();
            for _ in 0..=number(3) {
                let at = number(changed.len());
                changed[at] = number(256) as u8;
            }
            let _rows = read(&changed, Lists::Arrays, 1 << 20);
        }
    }
}
