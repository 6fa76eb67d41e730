//! Certificates and private keys in PEM form: the one place that reads them.
//!
//! A reason never quotes what was read. The parser's own does: of a key whose line breaks are lost
//! it takes the whole for the label of the first line.

use std::path::Path;

use millrace_formats::read_file;
use rustls::pki_types::pem::{Error as ParserError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The largest file that is read. A bundle of all the roots there are has a fifth of it.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// The certificates of a text, one at least.
///
/// # Errors
/// There is none, or one is broken.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("no certificate in PEM form".to_owned()),
        Err(error) => Err(format!("no certificate in PEM form: {}", reason(&error))),
    }
}

/// The first private key of a text.
///
/// # Errors
/// There is none, it is encrypted, or broken.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        ParserError::NoItemsFound => "not an unencrypted private key in PEM form".to_owned(),
        error => format!(
            "not an unencrypted private key in PEM form: {}",
            reason(&error)
        ),
    })
}

/// As [`certificates`], of a file.
///
/// # Errors
/// As there, or the file cannot be read.
pub fn certificates_of_file(
    path: impl AsRef<Path>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates(&read(path)?)
}

/// As [`private_key`], of a file.
///
/// # Errors
/// As there, or the file cannot be read.
pub fn private_key_of_file(path: impl AsRef<Path>) -> Result<PrivateKeyDer<'static>, String> {
    private_key(&read(path)?)
}

/// The content of a file that should be PEM.
///
/// # Errors
/// It cannot be read, is no regular file, or larger than [`FILE_BYTES_MAX`].
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>, String> {
    read_file(path, FILE_BYTES_MAX).map_err(|error| error.to_string())
}

/// What is wrong, in words that hold nothing of what was read.
fn reason(error: &ParserError) -> &'static str {
    match error {
        ParserError::MissingSectionEnd { .. } | ParserError::IllegalSectionStart { .. } => {
            "the lines that begin and end it do not match; are its line breaks lost?"
        }
        ParserError::Base64Decode(_) => "what stands between its lines is no base64",
        ParserError::SectionTooLarge => "a section is too large",
        _ => "it cannot be parsed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret part of a key, whose line breaks are lost, in the ways that a text could show it.
    #[test]
    fn a_key_whose_line_breaks_are_lost_is_refused_without_its_content() {
        let secret = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
        for pem in [
            format!("-----BEGIN PRIVATE KEY-----{secret}-----END PRIVATE KEY-----"),
            format!("-----BEGIN PRIVATE KEY----- {secret} -----END PRIVATE KEY-----\n"),
            format!("-----BEGIN PRIVATE KEY-----\n{secret}"),
            format!("-----BEGIN {secret}\n{secret}\n"),
            format!("-----BEGIN PRIVATE KEY-----\n{secret}!\n-----END PRIVATE KEY-----\n"),
            secret.to_owned(),
        ] {
            let decimal = format!("{:?}", &secret.as_bytes()[..4]);
            let decimal = decimal.trim_matches(['[', ']']);
            let reasons = [
                private_key(pem.as_bytes()).unwrap_err(),
                certificates(pem.replace("PRIVATE KEY", "CERTIFICATE").as_bytes()).unwrap_err(),
            ];
            for reason in reasons {
                assert!(!reason.contains(&secret[..8]), "{reason}");
                assert!(!reason.contains(decimal), "{reason}");
            }
        }
    }

    #[test]
    fn a_file_without_an_end_is_not_read() {
        let reason = private_key_of_file("/dev/zero").unwrap_err();
        assert_eq!(reason, "it is a device, not a regular file");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.pem");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(FILE_BYTES_MAX as u64 + 1).unwrap();
        let reason = certificates_of_file(&path).unwrap_err();
        assert_eq!(reason, "the file is larger than 1048576 bytes");
    }
}
