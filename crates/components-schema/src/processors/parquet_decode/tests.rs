use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::testing::{batch, processor, run, text};

/// Two rows of the columns `id` and `name`.
const FILE: &str = "UEFSMRUAFRAVECwVBBUAFQYVBgAAAQAAAAIAAAAVABUWFRYsFQQVABUGFQYAAAEAAABhAgAAAGJjFQIZ\
                    PEgEcm9vdBUEABUCJQAYAmlkABUMJQAYBG5hbWUlAAAWBBkcGSwmCBwVAhkVABkYAmlkFQAWBBYyFjIm\
                    CAAAJjocFQwZFQAZGARuYW1lFQAWBBY4FjgmOgAAFmoWBAAAYwAAAFBBUjE=";

fn file() -> Vec<u8> {
    BASE64_STANDARD.decode(FILE).expect("it is base64")
}

#[test]
fn each_row_becomes_a_message_and_what_is_no_file_stays_as_it_is() {
    let decode = processor("parquet_decode: {}");
    let rows = run(&decode, batch(&[&file(), b"no file", &file()[..100]]));
    assert_eq!(rows.len(), 4);
    assert_eq!(text(&rows[0]), r#"{"id":1,"name":"a"}"#);
    assert_eq!(text(&rows[1]), r#"{"id":2,"name":"bc"}"#);
    for row in &rows[2..] {
        assert!(
            row.is_err() && text(row).contains("no Parquet file"),
            "{row:?}"
        );
    }
}

#[test]
fn a_file_that_takes_too_much_memory_is_an_error_that_names_the_remedy() {
    let decode = processor("parquet_decode: { max_size: 400B }");
    let rows = run(&decode, batch(&[&file()]));
    assert!(
        rows[0].is_err() && text(&rows[0]).contains("raise `max_size`"),
        "{rows:?}"
    );
}
