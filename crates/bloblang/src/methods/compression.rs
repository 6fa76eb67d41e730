//! Methods that compress and decompress bytes.

use millrace_formats::compression::{self, Algorithm, DecompressError};
use millrace_message::Value;

use super::target;
use crate::arguments::Arguments;
use crate::budget;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::registry::{Category, Default, Example, Method, Parameter, PreparedMethod};

pub(super) const METHODS: &[Method] = &[
    Method::prepared("compress", "The bytes of the target, compressed.", compress)
        .category(Category::Encoding)
        .parameters(&[
            Parameter::string(
                "algorithm",
                "One of `flate`, `gzip`, `pgzip`, `lz4`, `snappy`, `zlib`, `zstd`.",
            ),
            Parameter::integer(
                "level",
                "How hard to try: 0 to 9 for the deflate family, 1 to 22 for `zstd`, -1 for the default; `lz4` and `snappy` have none.",
            )
            .default(Default::Integer(-1)),
        ])
        .examples(&[
            Example::new(
                "let long = range(0, 1000).map_each(content()).join(\" \")\nroot.is_shorter = $long.compress(\"gzip\").length() < $long.length() / 100",
                &[("hello world this is some content", r#"{"is_shorter":true}"#)],
            ),
            Example::new(
                r#"root.compressed = content().compress("snappy").encode("base64")"#,
                &[("hello hello hello", r#"{"compressed":"EUBoZWxsbyBoZWxsbyBoZWxsbw=="}"#)],
            ),
            Example::new(
                r#"root = content().compress("bzip2")"#,
                &[("", "error:compression type not recognised: bzip2")],
            ),
        ]),
    Method::prepared(
        "decompress",
        "The bytes that were compressed, 256 MiB at most; the processor `decompress` reads larger ones.",
        decompress,
    )
    .category(Category::Encoding)
    .parameters(&[Parameter::string(
        "algorithm",
        "One of `gzip`, `pgzip`, `zlib`, `bzip2`, `flate`, `snappy`, `lz4`, `zstd`.",
    )])
    .examples(&[
        Example::new(
            r#"root = this.compressed.decode("base64").decompress("lz4")"#,
            &[
                (
                    r#"{"compressed":"BCJNGGRwuRgAAIBoZWxsbyB3b3JsZCBJIGxvdmUgc3BhY2UAAAAAGoETLg=="}"#,
                    "hello world I love space",
                ),
                (r#"{"compressed":"BCJN"}"#, "error:lz4"),
            ],
        ),
        Example::new(
            r#"root.text = this.compressed.decode("base64").decompress("gzip").string()"#,
            &[(
                r#"{"compressed":"H4sIAAAAAAACA8tIzcnJVyjPL8pJUfBUyMkvS1UoLkhMTgUAQpDxbxgAAAA="}"#,
                r#"{"text":"hello world I love space"}"#,
            )],
        )
        .note("Bytes stand in a JSON document as base64, so turn them into text first."),
    ]),
];

/// The largest content. What a mapping makes is not counted against `memory_limit`.
const CONTENT_MAX: usize = 256 << 20;

fn compress(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let name = arguments.text(0)?;
    let algorithm = Algorithm::named(name)
        .filter(|algorithm| algorithm.compresses())
        .ok_or_else(|| EvalError::new(format!("compression type not recognised: {name}")))?;
    let level = match arguments.integer(1)? {
        // With -2 Go's deflate leaves repetitions alone, which no reader notices.
        -2 | -1 => None,
        level => Some(
            u32::try_from(level)
                .ok()
                .filter(|level| *level <= 22)
                .ok_or_else(|| EvalError::new(format!("invalid compression level: {level}")))?,
        ),
    };
    Ok(Box::new(move |target| {
        compression::compress(algorithm, level, &target::payload(&target)?)
            .map(Value::from)
            .map_err(|error| EvalError::new(error.to_string()))
    }))
}

fn decompress(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let name = arguments.text(0)?;
    let algorithm = Algorithm::named(name)
        .ok_or_else(|| EvalError::new(format!("compression type not recognised: {name}")))?;
    Ok(Box::new(move |target| {
        let payload = target::bytes(&target)?;
        let content_max = CONTENT_MAX.min(budget::left());
        compression::decompress(algorithm, payload, content_max)
            .map(Value::from)
            .map_err(|error| match error {
                DecompressError::TooLarge(_) => EvalError::new(format!(
                    "{error}; the processor `decompress` has a field `max_size` for more"
                )),
                damaged @ DecompressError::Damaged(_) => EvalError::new(damaged.to_string()),
            })
    }))
}
