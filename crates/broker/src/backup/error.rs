//! Why a backup is not made or not restored.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use millrace_log::LogError;

/// Why a backup is not made or not restored: where, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupError {
    place: PathBuf,
    reason: String,
    remedy: Option<String>,
}

impl BackupError {
    pub(super) fn new(place: &Path, reason: impl ToString) -> Self {
        Self {
            place: place.to_owned(),
            reason: reason.to_string(),
            remedy: None,
        }
    }

    /// With what to do about it.
    pub(super) fn remedy(self, remedy: impl ToString) -> Self {
        Self {
            remedy: Some(remedy.to_string()),
            ..self
        }
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place.display(), self.reason)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BackupError {}

/// What was done with a file when the system refused.
pub(super) trait At<T> {
    fn at(self, action: &str, path: &Path) -> Result<T, BackupError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &str, path: &Path) -> Result<T, BackupError> {
        self.map_err(|error| BackupError::new(path, format!("cannot {action} it: {error}")))
    }
}

impl<T> At<T> for Result<T, LogError> {
    fn at(self, action: &str, path: &Path) -> Result<T, BackupError> {
        self.map_err(|error| BackupError::new(path, format!("cannot {action} it: {error}")))
    }
}
