//! Files made by hand, most of them to lie. What others write is read by the tests of the
//! processors.

use std::io::Write;

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 20;

/// A struct of the compact protocol, field by field.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    last: i64,
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl Fields {
    fn header(mut self, id: i64, kind: u8) -> Self {
        self.bytes.push(((id - self.last) as u8) << 4 | kind);
        self.last = id;
        self
    }

    fn integer(self, id: i64, value: i64) -> Self {
        let mut this = self.header(id, 6);
        varint((value << 1 ^ value >> 63) as u64, &mut this.bytes);
        this
    }

    fn binary(self, id: i64, value: &str) -> Self {
        let mut this = self.header(id, 8);
        varint(value.len() as u64, &mut this.bytes);
        this.bytes.extend_from_slice(value.as_bytes());
        this
    }

    fn inner(self, id: i64, inner: Fields) -> Self {
        let mut this = self.header(id, 12);
        this.bytes.extend(inner.end());
        this
    }

    fn list(self, id: i64, items: Vec<Fields>) -> Self {
        let mut this = self.header(id, 9);
        this.bytes.push(0xf0 | 12);
        varint(items.len() as u64, &mut this.bytes);
        for item in items {
            this.bytes.extend(item.end());
        }
        this
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn fields() -> Fields {
    Fields::default()
}

/// A group of the schema.
fn group(name: &str, children: i64) -> Fields {
    fields().binary(4, name).integer(5, children)
}

/// A leaf of the schema.
fn leaf(name: &str, physical: i64, repetition: i64) -> Fields {
    let fields = fields().integer(1, physical).integer(3, repetition);
    fields.binary(4, name)
}

/// A data page of plain values.
fn page(encoding: i64, values: i64, data: &[u8]) -> Vec<u8> {
    page_of_size(encoding, values, data.len() as i64, data)
}

fn page_of_size(encoding: i64, values: i64, size: i64, data: &[u8]) -> Vec<u8> {
    let header = fields()
        .integer(1, 0)
        .integer(2, size)
        .integer(3, data.len() as i64)
        .inner(
            5,
            fields()
                .integer(1, values)
                .integer(2, encoding)
                .integer(3, 3)
                .integer(4, 3),
        );
    [header.end(), data.to_vec()].concat()
}

fn dictionary(values: i64, data: &[u8]) -> Vec<u8> {
    let header = fields()
        .integer(1, 2)
        .integer(2, data.len() as i64)
        .integer(3, data.len() as i64)
        .inner(7, fields().integer(1, values).integer(2, 0));
    [header.end(), data.to_vec()].concat()
}

/// A file of one column.
fn file(schema: Vec<Fields>, physical: i64, codec: i64, rows: i64, pages: &[u8]) -> Vec<u8> {
    let chunk = fields()
        .integer(1, physical)
        .integer(4, codec)
        .integer(7, pages.len() as i64)
        .integer(9, 4);
    let footer = fields()
        .integer(1, 1)
        .list(2, schema)
        .integer(3, rows)
        .list(
            4,
            vec![
                fields()
                    .list(1, vec![fields().integer(2, 4).inner(3, chunk)])
                    .integer(3, rows),
            ],
        )
        .end();
    let mut file = b"PAR1".to_vec();
    file.extend_from_slice(pages);
    file.extend_from_slice(&footer);
    file.extend((footer.len() as u32).to_le_bytes());
    file.extend_from_slice(b"PAR1");
    file
}

/// A file of the column `a` of required integers of 32 bits.
fn integers(codec: i64, rows: i64, pages: &[u8]) -> Vec<u8> {
    file(
        vec![group("root", 1), leaf("a", 1, 0)],
        1,
        codec,
        rows,
        pages,
    )
}

fn rows_of(file: &[u8]) -> Result<Vec<Value>> {
    read(file, Lists::Arrays, LIMIT)
}

fn rows(file: &[u8]) -> std::result::Result<Vec<String>, String> {
    let rows = rows_of(file).map_err(|error| error.to_string())?;
    let json = |row: Value| String::from_utf8_lossy(&row.to_json()).into_owned();
    Ok(rows.into_iter().map(json).collect())
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[test]
fn a_file_made_by_hand_is_read() {
    let data = [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    let read = rows(&integers(0, 2, &page(0, 2, &data))).expect("it is a file");
    assert_eq!(read, [r#"{"a":1}"#, r#"{"a":-1}"#]);
    let folded = gzip(&data);
    let read = rows(&integers(2, 2, &page_of_size(0, 2, 8, &folded))).expect("it is a file");
    assert_eq!(read.len(), 2);
}

#[test]
fn what_is_no_file_is_told_so() {
    for bytes in [
        &b""[..],
        b"PAR1",
        b"hello world lol",
        b"PAR1\0\0\0\0PAR",
        b"PAR1PAR1",
    ] {
        assert!(rows(bytes).is_err(), "{bytes:?}");
    }
    let error = rows(b"PAR1....PARE").expect_err("it is encrypted");
    assert!(error.contains("encrypted"), "{error}");
    let error = rows(b"PAR1\xff\xff\xff\x7fPAR1").expect_err("it is cut");
    assert!(error.contains("larger than the file"), "{error}");
}

#[test]
fn every_cut_of_a_file_is_an_error() {
    let whole = integers(0, 2, &page(0, 2, &[0; 8]));
    for end in 0..whole.len() {
        assert!(rows(&whole[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_page_that_unfolds_beyond_what_it_says_is_an_error() {
    let bomb = gzip(&vec![0; 50_000_000]);
    for (size, complaint) in [
        (8, "size that its header says"),
        (50_000_000, "1048576 bytes"),
    ] {
        let error = rows(&integers(2, 2, &page_of_size(0, 2, size, &bomb))).expect_err("a bomb");
        assert!(error.contains(complaint), "{error}");
    }
    for codec in [1, 4, 6, 7] {
        let claim = page_of_size(0, 2, i64::from(i32::MAX), &[0; 20]);
        assert!(rows(&integers(codec, 2, &claim)).is_err(), "{codec}");
    }
}

#[test]
fn counts_that_lie_are_errors_before_anything_is_allocated() {
    let huge = i64::from(i32::MAX);
    let one_index = [0, 0xfe, 0xff, 0xff, 0xff, 0x0f];
    let indexed = [dictionary(1, &[7, 0, 0, 0]), page(8, huge, &one_index)].concat();
    let cases = [
        integers(0, huge, &page(0, huge, &[0; 8])),
        integers(0, huge, &indexed),
        integers(
            0,
            1,
            &[dictionary(huge, &[7, 0, 0, 0]), page(8, 1, &[0, 2])].concat(),
        ),
        integers(
            0,
            huge,
            &page(5, huge, &[128, 1, 4, 0xff, 0xff, 0xff, 0xff, 0x07, 0]),
        ),
        integers(0, i64::MAX, &[]),
        integers(0, -1, &page(0, 1, &[0; 4])),
        file(vec![group("root", huge), leaf("a", 1, 0)], 1, 0, 1, &[]),
        file(vec![group("root", 0)], 1, 0, huge, &[]),
    ];
    for (index, case) in cases.iter().enumerate() {
        assert!(rows(case).is_err(), "{index}");
    }
}

#[test]
fn a_text_that_all_rows_share_is_charged_for_each_of_them() {
    let text = [&1000_u32.to_le_bytes()[..], &[b'x'; 1000]].concat();
    let shared = |rows: u16| {
        // One run of the index 0.
        let run = u64::from(rows) << 1;
        let mut index = vec![1];
        varint(run, &mut index);
        index.push(0);
        let pages = [dictionary(1, &text), page(8, i64::from(rows), &index)].concat();
        let schema = vec![group("root", 1), leaf("a", 6, 0)];
        rows_of(&file(schema, 6, 0, i64::from(rows), &pages))
    };
    assert_eq!(shared(500).expect("there is room").len(), 500);
    let error = shared(1_500).expect_err("written out they are more than the limit");
    assert_eq!(error, ParquetError::TooLarge(LIMIT));
}

#[test]
fn the_name_of_a_column_is_charged_for_each_row() {
    let named = |name: &str| {
        let pages = page(0, 1_000, &[0; 4_000]);
        let schema = vec![group("root", 1), leaf(name, 1, 0)];
        rows_of(&file(schema, 1, 0, 1_000, &pages))
    };
    assert_eq!(named("a").expect("there is room").len(), 1_000);
    let error = named(&"a".repeat(1_500)).expect_err("written out they are more than the limit");
    assert_eq!(error, ParquetError::TooLarge(LIMIT));
}

#[test]
fn a_million_rows_out_of_a_few_bytes_take_the_limit_into_account() {
    let index = [0, 0x80, 0x89, 0x7a];
    let pages = [dictionary(1, &[7, 0, 0, 0]), page(8, 1_000_000, &index)].concat();
    let file = integers(0, 1_000_000, &pages);
    let error = read(&file, Lists::Arrays, LIMIT).expect_err("there is no room");
    assert_eq!(error, ParquetError::TooLarge(LIMIT));
    let rows = read(&file, Lists::Arrays, 256 << 20).expect("there is room");
    assert_eq!(rows.len(), 1_000_000);
}

#[test]
fn a_schema_of_too_many_levels_is_an_error() {
    for levels in [65, 3_000] {
        let mut schema: Vec<Fields> = (0..levels).map(|_| group("g", 1).integer(6, 1)).collect();
        schema.push(leaf("a", 1, 0));
        let error = rows(&file(schema, 1, 0, 1, &page(0, 1, &[0; 4]))).expect_err("too deep");
        assert!(error.contains("nest deeper"), "{error}");
    }
}

#[test]
fn pages_that_do_not_fit_together_are_errors() {
    let index = page(8, 1, &[1, 2, 0]);
    let one = dictionary(1, &[7, 0, 0, 0]);
    for (pages, complaint) in [
        (index.clone(), "needs a dictionary"),
        (
            [one.clone(), one.clone(), index].concat(),
            "two dictionaries",
        ),
        (
            [one, page(8, 1, &[1, 2, 1])].concat(),
            "not in the dictionary",
        ),
        (page(0, 1, &[0; 3]), "ends before its values"),
        (page(6, 1, &[0; 9]), "encoding 6"),
        (page(99, 1, &[0; 9]), "encoding 99"),
        (Vec::new(), "ends before its rows"),
    ] {
        let error = rows(&integers(0, 1, &pages)).expect_err(complaint);
        assert!(error.contains(complaint), "{error}");
    }
    let error = rows(&integers(3, 1, &page(0, 1, &[0; 4]))).expect_err("a codec");
    assert!(error.contains("LZO"), "{error}");
    let other_type = file(vec![group("root", 1), leaf("a", 2, 0)], 1, 0, 1, &[]);
    assert!(rows(&other_type).is_err());
}

#[test]
fn levels_say_what_is_missing_and_what_is_repeated() {
    let optional = vec![group("root", 1), leaf("a", 1, 1)];
    // Levels 1, 0: a run of one and a run of one.
    let data = [4, 0, 0, 0, 2, 1, 2, 0, 9, 0, 0, 0];
    let read = rows(&file(optional, 1, 0, 2, &page(0, 2, &data))).expect("it is a file");
    assert_eq!(read, [r#"{"a":9}"#, r#"{"a":null}"#]);
    let repeated = || vec![group("root", 1), leaf("a", 1, 2)];
    // Repetition 0, 1, 0 and definition 1, 1, 0: two elements, and none.
    let data = [
        6, 0, 0, 0, 2, 0, 2, 1, 2, 0, 4, 0, 0, 0, 4, 1, 2, 0, 8, 0, 0, 0, 9, 0, 0, 0,
    ];
    let read = rows(&file(repeated(), 1, 0, 2, &page(0, 3, &data))).expect("it is a file");
    assert_eq!(read, [r#"{"a":[8,9]}"#, r#"{"a":[]}"#]);
    let mut first_repeats = data;
    first_repeats[5] = 1;
    let error = rows(&file(repeated(), 1, 0, 2, &page(0, 3, &first_repeats)));
    assert!(error.expect_err("no row begins").contains("do not fit"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut file = b"PAR1".to_vec();
        file.extend(&bytes);
        file.extend((bytes.len() as u32).to_le_bytes());
        file.extend(b"PAR1");
        let _rows = read(&file, Lists::Groups, LIMIT);
    }

    #[test]
    fn no_change_of_a_file_panics(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let data = [
            6, 0, 0, 0, 2, 0, 2, 1, 2, 0, 4, 0, 0, 0, 4, 1, 2, 0, 8, 0, 0, 0, 9, 0, 0, 0,
        ];
        let schema = vec![group("root", 1), leaf("a", 1, 2)];
        let mut file = file(schema, 1, 0, 2, &page(0, 3, &data));
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _rows = read(&file, Lists::Groups, LIMIT);
    }
}
