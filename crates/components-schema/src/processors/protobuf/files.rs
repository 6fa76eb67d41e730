//! The `.proto` files of folders.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use millrace_component::read_whole;
use millrace_message::Error;

/// The most that the files hold together, in bytes.
const SIZE_MAX: usize = 64 << 20;
/// The most entries of folders that are looked at.
const ENTRIES_MAX: usize = 100_000;
/// How deep folders may nest.
const DEPTH_MAX: usize = 64;

/// The texts of the files in and below these folders, each under its path from the folder. A path
/// that is a file is that file, under its name.
///
/// # Errors
/// Something cannot be read, is no text, or there is more than a schema can have.
pub(super) fn read(paths: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut found = Found {
        texts: BTreeMap::new(),
        size_left: SIZE_MAX,
        entries_left: ENTRIES_MAX,
    };
    for path in paths {
        let at = Path::new(path);
        let read = std::fs::metadata(at).map_err(|error| failed(at, &error));
        if read?.is_dir() {
            found.folder(at, "", 0)?;
        } else {
            let name = at.file_name().unwrap_or(at.as_os_str());
            found.file(at, name.to_string_lossy().into_owned())?;
        }
    }
    if found.texts.is_empty() {
        return Err(Error::fatal(format!(
            "there is no `.proto` file in {}, the folders of `import_paths`",
            paths.join(", ")
        )));
    }
    Ok(found.texts)
}

struct Found {
    texts: BTreeMap<String, String>,
    size_left: usize,
    entries_left: usize,
}

impl Found {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Error> {
        let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed(folder, &error))?;
            if self.entries_left == 0 || depth > DEPTH_MAX {
                return Err(Error::fatal(format!(
                    "`{}` is deeper or fuller than folders of a schema are; name the folder that \
                     holds the `.proto` files in `import_paths`",
                    folder.display()
                )));
            }
            self.entries_left -= 1;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().map_err(|error| failed(&path, &error))?;
            if kind.is_dir() {
                self.folder(&path, &format!("{prefix}{name}/"), depth + 1)?;
            } else if path.extension().is_some_and(|it| it == "proto") && path.is_file() {
                self.file(&path, format!("{prefix}{name}"))?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: String) -> Result<(), Error> {
        let read = File::open(path).and_then(|file| read_whole(file, self.size_left, 0));
        let content = read.map_err(|error| failed(path, &error))?.ok_or_else(|| {
            Error::fatal(format!(
                "`{}` makes the `.proto` files larger than {SIZE_MAX} bytes",
                path.display()
            ))
        })?;
        self.size_left -= content.len();
        let text = String::from_utf8(content)
            .map_err(|_| Error::fatal(format!("`{}` is no UTF-8 text", path.display())))?;
        self.texts.insert(name, text);
        Ok(())
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::fatal(format!(
        "read `{}`, of `import_paths`: {error}",
        path.display()
    ))
}
