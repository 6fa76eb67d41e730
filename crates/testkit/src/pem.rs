//! A private key whose line breaks are lost, as happens where secrets are pasted: errors about it
//! must not quote it.

use std::fs;

use anyhow::Result;
use tempfile::TempDir;

const CHAIN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2Vw-----END PRIVATE KEY-----";

/// Files with such a key and with a certificate, which are gone when it is dropped.
#[derive(Debug)]
pub struct KeyWithoutBreaks {
    /// The path of the certificate.
    pub chain: String,
    /// The path of the key.
    pub key: String,
    _folder: TempDir,
}

impl KeyWithoutBreaks {
    /// Writes the files.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str, text: &str| -> Result<String> {
            let path = folder.path().join(name);
            fs::write(&path, text)?;
            Ok(path.display().to_string())
        };
        Ok(Self {
            chain: file("chain.pem", CHAIN)?,
            key: file("key.pem", KEY)?,
            _folder: folder,
        })
    }

    /// Whether a text shows the beginning of the key, as it is or as a list of its bytes.
    #[must_use]
    pub fn is_quoted_in(&self, text: &str) -> bool {
        text.contains("MC4C") || text.contains("77, 67, 52, 67")
    }
}
