//! The `decompress` scanner.

use std::io::{BufReader, Read};
use std::sync::Arc;

use bzip2::read::MultiBzDecoder;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerChild, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

/// Decompresses the stream, and reads what comes out by another scanner.
///
/// The stream is decompressed piece by piece, as the other scanner asks for it: a file that unpacks
/// to more than the machine has is no danger to it. What is held is bounded by that scanner.
///
/// A stream that is cut or damaged ends with an error after the messages that were whole.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "decompress")]
pub struct Config {
    /// The format: `gzip`, `pgzip`, `zlib`, `bzip2`, `flate`, `snappy` (its framed format), `lz4`
    /// (its frame format), or `zstd` (with a window of up to 128 MiB, which is held in memory).
    #[spec(lint = check, example = "gzip")]
    algorithm: String,
    /// The scanner of what comes out.
    #[spec(default = {"to_the_end": {}})]
    into: ScannerChild,
}

fn check(algorithm: &String, node: &Node, cx: &mut ReadContext) {
    if Format::of(algorithm).is_some() {
        return;
    }
    let message = format!("there is no algorithm `{algorithm}`");
    cx.error(codes::INVALID_VALUE, node.span, message).help =
        Some(format!("use one of {}", Format::names()));
}

impl ScannerConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        let format = Format::of(&self.algorithm).ok_or_else(|| {
            Error::fatal(format!("the algorithm `{}` is not built", self.algorithm))
        })?;
        Ok(Arc::new(Factory {
            format,
            into: cx.scanner(&self.into, "into")?,
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

#[derive(Clone, Copy)]
enum Format {
    Bzip2,
    Flate,
    Gzip,
    Lz4,
    Snappy,
    Zlib,
    Zstd,
}

impl Format {
    const ALL: [(&'static str, Self); 8] = [
        ("gzip", Self::Gzip),
        ("pgzip", Self::Gzip),
        ("zlib", Self::Zlib),
        ("bzip2", Self::Bzip2),
        ("flate", Self::Flate),
        ("snappy", Self::Snappy),
        ("lz4", Self::Lz4),
        ("zstd", Self::Zstd),
    ];

    fn of(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(it, _)| *it == name);
        found.map(|(_, format)| *format)
    }

    fn names() -> String {
        let names: Vec<_> = Self::ALL
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        names.join(", ")
    }

    fn open(self, stream: Box<dyn Read + Send>) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Bzip2 => Box::new(MultiBzDecoder::new(stream)),
            Self::Flate => Box::new(DeflateDecoder::new(stream)),
            Self::Gzip => Box::new(MultiGzDecoder::new(stream)),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(BufReader::new(stream))),
            Self::Snappy => Box::new(snap::read::FrameDecoder::new(BufReader::new(stream))),
            Self::Zlib => Box::new(ZlibDecoder::new(stream)),
            Self::Zstd => Box::new(zstd::Decoder::new(stream)?),
        })
    }
}

struct Factory {
    format: Format,
    into: Arc<dyn ScannerFactory>,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        let stream = self.format.open(stream);
        let stream = stream.map_err(|error| Error::fatal(format!("decompress: {error}")))?;
        self.into.open(stream, details)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use millrace_component::conformance::{self, Workbench};

    use super::*;
    use crate::testing::{open, until_error};

    fn bench() -> Workbench {
        Workbench::new([crate::SCANNERS])
    }

    fn scanner(yaml: &str, packed: Vec<u8>) -> Box<dyn Scanner> {
        open(&*bench().scanner(yaml), std::io::Cursor::new(packed))
    }

    /// Text in every format.
    fn packed(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        use flate2::Compression;
        use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
        const OK: &str = "memory takes it";
        let level = Compression::default();
        let mut flate = DeflateEncoder::new(Vec::new(), level);
        flate.write_all(text).expect(OK);
        let mut gzip = GzEncoder::new(Vec::new(), level);
        gzip.write_all(text).expect(OK);
        let gzip = gzip.finish().expect(OK);
        let mut zlib = ZlibEncoder::new(Vec::new(), level);
        zlib.write_all(text).expect(OK);
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(text).expect(OK);
        let mut snappy = snap::write::FrameEncoder::new(Vec::new());
        snappy.write_all(text).expect(OK);
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(text).expect(OK);
        vec![
            ("flate", flate.finish().expect(OK)),
            ("pgzip", gzip.clone()),
            ("gzip", gzip),
            ("zlib", zlib.finish().expect(OK)),
            ("bzip2", bzip2.finish().expect(OK)),
            ("snappy", snappy.into_inner().expect(OK)),
            ("lz4", lz4.finish().expect(OK)),
            ("zstd", zstd::encode_all(text, 0).expect(OK)),
        ]
    }

    #[test]
    fn every_format_is_read_by_the_scanner_it_is_given() {
        for (name, packed) in packed(b"first\nsecond\n") {
            let yaml = format!("decompress: {{ algorithm: {name}, into: {{ lines: {{}} }} }}");
            let (lines, error) = until_error(&mut *scanner(&yaml, packed));
            assert_eq!(lines, ["first", "second"], "{name}: {error:?}");
        }
    }

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        for (name, packed) in packed(b"first\nsecond\n") {
            let yaml = format!("decompress: {{ algorithm: {name}, into: {{ lines: {{}} }} }}");
            let factory = bench().scanner(&yaml);
            conformance::scanner(&*factory, &packed, &["first", "second"]);
        }
    }

    #[test]
    fn members_of_a_gzip_file_follow_each_other() {
        let mut both = packed(b"first\n")[2].1.clone();
        both.extend(&packed(b"second\n")[2].1);
        let yaml = "decompress: { algorithm: gzip, into: { lines: {} } }";
        assert_eq!(
            until_error(&mut *scanner(yaml, both)).0,
            ["first", "second"]
        );
    }

    #[test]
    fn a_cut_stream_is_an_error_after_the_whole_messages() {
        let text = "line\n".repeat(50_000);
        for (name, mut packed) in packed(text.as_bytes()) {
            packed.truncate(packed.len() - 5);
            let yaml = format!("decompress: {{ algorithm: {name}, into: {{ lines: {{}} }} }}");
            let (lines, error) = until_error(&mut *scanner(&yaml, packed));
            let error = error.unwrap_or_else(|| panic!("{name} is cut"));
            assert!(error.text().contains("read input"), "{name}: {error}");
            assert!(lines.iter().all(|line| line == "line"), "{name}");
        }
    }

    #[test]
    fn a_bomb_is_met_by_the_bound_of_the_scanner_behind_it() {
        for (name, packed) in packed(&vec![0; 3_000_000]) {
            let yaml = format!(
                "decompress: {{ algorithm: {name}, into: {{ to_the_end: {{ max_size: 1MiB }} }} }}"
            );
            let (messages, error) = until_error(&mut *scanner(&yaml, packed));
            assert!(messages.is_empty());
            let error = error.unwrap_or_else(|| panic!("{name} is larger"));
            assert!(error.text().contains("max_size"), "{name}: {error}");
        }
    }

    #[test]
    fn a_bomb_is_streamed_to_a_scanner_that_streams() {
        let bomb = packed(&vec![0; 3_000_000]).swap_remove(2).1;
        let yaml = "decompress: { algorithm: gzip, into: { chunker: { size: 1MB } } }";
        let mut scanner = scanner(yaml, bomb);
        let mut pieces = 0;
        while let Some(batch) = scanner.next().expect("it is whole") {
            assert_eq!(batch[0].bytes().len(), 1_000_000);
            pieces += 1;
        }
        assert_eq!(pieces, 3);
    }

    #[test]
    fn an_algorithm_that_does_not_exist_is_refused_by_name() {
        let error = bench()
            .read::<ScannerChild>("decompress: { algorithm: rar }")
            .expect_err("there is none of that name");
        assert!(error.contains("no algorithm `rar`"), "{error}");
    }
}
