//! A log file that starts anew at 10 MiB, under Bento's rules for old files: their names carry the
//! time of the change, one is kept, and what is too old goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::settings::FileSettings;
use super::timestamp::CivilTime;

const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
const OLD_FILES_MAX: usize = 1;

/// An open log file.
#[derive(Debug)]
pub struct LogFile {
    settings: FileSettings,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl LogFile {
    /// Opens or creates the file, with the folders above it, and appends to what is there.
    pub(super) fn open(settings: &FileSettings) -> io::Result<Self> {
        if let Some(folder) = settings.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append_to(&settings.path)?;
        let log_file = Self {
            bytes: file.metadata()?.len(),
            settings: settings.clone(),
            file,
            bytes_max: FILE_BYTES_MAX,
        };
        if settings.rotate {
            log_file.remove_old()?;
        }
        Ok(log_file)
    }

    pub(super) fn write(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64;
        if self.settings.rotate && self.bytes > 0 && self.bytes + length > self.bytes_max {
            self.rotate(SystemTime::now())?;
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes += length;
        Ok(())
    }

    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        fs::rename(&self.settings.path, self.old_path(now))?;
        self.file = append_to(&self.settings.path)?;
        self.bytes = 0;
        self.remove_old()
    }

    /// `name-2026-11-21T04-02-05.123.ext`
    fn old_path(&self, now: SystemTime) -> PathBuf {
        let (stem, extension) = self.stem_and_extension();
        let time = CivilTime::of(now).for_file_name();
        self.settings
            .path
            .with_file_name(format!("{stem}-{time}{extension}"))
    }

    fn stem_and_extension(&self) -> (String, String) {
        let part = |it: Option<&std::ffi::OsStr>| it.map(|it| it.to_string_lossy().into_owned());
        let stem = part(self.settings.path.file_stem()).unwrap_or_default();
        let extension = part(self.settings.path.extension());
        (
            stem,
            extension.map(|it| format!(".{it}")).unwrap_or_default(),
        )
    }

    fn remove_old(&self) -> io::Result<()> {
        let mut old = self.old_files()?;
        // The time in the name sorts as text.
        old.sort();
        let surplus = old.len().saturating_sub(OLD_FILES_MAX);
        let days = u64::from(self.settings.rotate_max_age_days);
        let oldest = SystemTime::now().checked_sub(Duration::from_secs(days * 86_400));
        let oldest = oldest.filter(|_| days > 0).map(|it| self.old_path(it));
        for (index, path) in old.iter().enumerate() {
            if index < surplus || oldest.as_ref().is_some_and(|it| path < it) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn old_files(&self) -> io::Result<Vec<PathBuf>> {
        const TIME_LENGTH: usize = "2026-11-21T04-02-05.123".len();
        let (stem, extension) = self.stem_and_extension();
        let folder = self.settings.path.parent().unwrap_or(Path::new(""));
        let here = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let mut old = Vec::new();
        for entry in fs::read_dir(here)? {
            let name = entry?.file_name();
            let time = name.to_str().and_then(|it| {
                it.strip_prefix(&*stem)?
                    .strip_prefix('-')?
                    .strip_suffix(&*extension)
            });
            let is_time = |it: &str| {
                it.len() == TIME_LENGTH
                    && it
                        .bytes()
                        .all(|b| b.is_ascii_digit() || b"-T.".contains(&b))
            };
            if time.is_some_and(is_time) {
                old.push(folder.join(&name));
            }
        }
        Ok(old)
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn settings(folder: &Path) -> FileSettings {
        FileSettings {
            path: folder.join("logs/millrace.ndjson"),
            rotate: true,
            rotate_max_age_days: 0,
        }
    }

    #[test]
    fn a_full_file_is_put_aside_and_one_old_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = LogFile::open(&settings(folder.path())).unwrap();
        let logs = folder.path().join("logs");
        file.bytes_max = 10;
        fs::write(logs.join("millrace-2001-01-01T00-00-00.000.ndjson"), "old").unwrap();
        fs::write(logs.join("millrace-other.ndjson"), "not ours").unwrap();
        file.write("12345\n").unwrap();
        file.write("1234567890 long\n").unwrap();
        let names = names(&logs);
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(!names.contains(&"millrace-2001-01-01T00-00-00.000.ndjson".to_owned()));
        let old = names
            .iter()
            .find(|it| it.starts_with("millrace-2"))
            .unwrap();
        assert_eq!(fs::read_to_string(logs.join(old)).unwrap(), "12345\n");
        let current = fs::read_to_string(logs.join("millrace.ndjson")).unwrap();
        assert_eq!(
            current, "1234567890 long\n",
            "a line is never cut by rotation"
        );
    }

    #[test]
    fn files_that_are_too_old_go_at_start() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        fs::write(logs.join("millrace-2001-01-01T00-00-00.000.ndjson"), "old").unwrap();
        let mut settings = settings(folder.path());
        settings.rotate_max_age_days = 3;
        LogFile::open(&settings).unwrap();
        assert_eq!(names(&logs), ["millrace.ndjson"]);
    }

    #[test]
    fn without_rotation_a_file_grows() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        settings.rotate = false;
        for _ in 0..2 {
            let mut file = LogFile::open(&settings).unwrap();
            file.bytes_max = 1;
            file.write("line\n").unwrap();
        }
        assert_eq!(fs::read_to_string(&settings.path).unwrap(), "line\nline\n");
    }
}
