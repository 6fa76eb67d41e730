//! The deprecated fields `codec` and `max_buffer`, from which scanners come in old configs.

use millrace_spec::{FieldType, Literal, Node, ReadContext, Spanned, Spec, codes};

use crate::ScannerChild;

/// How old configs say how a stream is cut into messages.
#[derive(Clone, Debug, Spec)]
pub struct OldCodec {
    /// The old form of `scanner`, such as `lines` or `gzip/csv`; it wins over `scanner`.
    #[spec(optional, deprecated)]
    codec: Option<Spanned<String>>,
    /// The most bytes that a message of `codec` may have.
    #[spec(default = 1_000_000, deprecated)]
    max_buffer: u64,
}

impl OldCodec {
    /// Puts the scanner that `codec` stands for, when it is given, into the place of `scanner`.
    pub fn replace(&self, scanner: &mut ScannerChild, cx: &mut ReadContext) {
        let Some(codec) = &self.codec else { return };
        match scanner_of(codec, self.max_buffer) {
            Ok(literal) => {
                let node = Node::from_literal(&literal, codec.span);
                if let Some(meant) = ScannerChild::read(&node, cx) {
                    *scanner = meant;
                }
            }
            Err(Refused { reason, help }) => {
                let message = format!("codec `{}` {reason}", codec.value);
                cx.error(codes::NOT_SUPPORTED, codec.span, message).help = Some(help.to_owned());
            }
        }
    }
}

/// Why there is no scanner for a codec, and what to do.
struct Refused {
    reason: &'static str,
    help: &'static str,
}

const UNKNOWN: Refused = Refused {
    reason: "is not known",
    help: "use the field `scanner`, such as `scanner: { lines: {} }`",
};

/// The config of the scanner that an old codec stands for: what is unpacked comes first, and one
/// that makes messages last, as in `gzip/lines`.
fn scanner_of(codec: &str, max_buffer: u64) -> Result<Literal, Refused> {
    let codec = match codec {
        "csv-gzip" => "gzip/csv",
        "tar-gzip" => "gzip/tar",
        codec => codec,
    };
    if codec == "auto" {
        return auto(max_buffer);
    }
    let mut parts: Vec<&str> = codec.split('/').collect();
    if parts.contains(&"multipart") {
        return Err(Refused {
            reason: "makes batches of what an empty line ends, which no scanner does",
            help: "use `scanner: { lines: {} }` in the input `batched` with the policy \
                   `check: content() == \"\"`",
        });
    }
    let last = parts.pop().unwrap_or_default();
    let mut scanner = messages(last, max_buffer)?;
    for part in parts.into_iter().rev() {
        scanner = match part {
            "gzip" | "pgzip" => component(
                "decompress",
                [("algorithm", text("gzip")), ("into", scanner)],
            ),
            "skipbom" => component("skip_bom", [("into", scanner)]),
            _ => return Err(UNKNOWN),
        };
    }
    Ok(scanner)
}

/// The scanner that makes messages.
fn messages(codec: &str, max_buffer: u64) -> Result<Literal, Refused> {
    let max = || ("max_buffer_size", Literal::UInt(max_buffer));
    let (name, argument) = match codec.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (codec, None),
    };
    Ok(match (name, argument) {
        ("lines", None) => component("lines", [max()]),
        ("delim", Some(by)) if !by.is_empty() => {
            component("lines", [("custom_delimiter", text(by)), max()])
        }
        ("regex", Some(pattern)) if !pattern.is_empty() => {
            component("re_match", [("pattern", text(pattern)), max()])
        }
        ("csv", None) => component("csv", []),
        ("csv", Some(by)) if by.chars().count() == 1 => {
            component("csv", [("custom_delimiter", text(by))])
        }
        ("csv-safe", _) => {
            return Err(Refused {
                reason: "is not supported",
                help: "use `scanner: { csv: { continue_on_error: true } }`",
            });
        }
        ("chunker", Some(size)) => match size.parse() {
            Ok(size) => component("chunker", [("size", Literal::Int(size))]),
            Err(_) => return Err(UNKNOWN),
        },
        ("tar", None) => component("tar", []),
        ("all-bytes", None) => component("to_the_end", []),
        ("avro-ocf", None | Some("marshaler=goavro")) => component("avro", []),
        ("avro-ocf", Some("marshaler=json")) => {
            component("avro", [("raw_json", Literal::Bool(true))])
        }
        _ => return Err(UNKNOWN),
    })
}

/// The scanner that goes by the name of a file.
fn auto(max_buffer: u64) -> Result<Literal, Refused> {
    let by_name = [
        (r"\.avro$", "avro-ocf"),
        (r"\.csv$", "csv"),
        (r"\.tar$", "tar"),
        (r"\.(tgz|tar\.gz|tar\.gzip)$", "gzip/tar"),
    ];
    let mut cases = Vec::new();
    for (pattern, codec) in by_name {
        let scanner = scanner_of(codec, max_buffer)?;
        cases.push(object([
            ("re_match_name", text(pattern)),
            ("scanner", scanner),
        ]));
    }
    cases.push(object([("scanner", messages("all-bytes", max_buffer)?)]));
    Ok(object([("switch", Literal::List(cases))]))
}

fn component<const N: usize>(name: &'static str, fields: [(&'static str, Literal); N]) -> Literal {
    object([(name, object(fields))])
}

fn object<const N: usize>(members: [(&'static str, Literal); N]) -> Literal {
    let members = members.into_iter();
    Literal::Map(members.map(|(name, value)| (name.into(), value)).collect())
}

fn text(value: &str) -> Literal {
    Literal::String(value.to_owned().into())
}
