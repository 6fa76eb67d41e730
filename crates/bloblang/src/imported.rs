//! Which files mappings have imported, and what was in them, for those who watch them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use millrace_formats::read_text_file;

/// The largest file that is imported, and how much is imported in all: files that import each other
/// several times are read that often again with each level.
pub(crate) const IMPORT_BYTES_MAX: usize = 16 << 20;

/// The files that mappings have imported, those that imported ones import among them, and what was
/// in them. Two are equal when nothing has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The mark of each file's text; none of a file that cannot be read, for it may come.
    files: BTreeMap<PathBuf, Option<u64>>,
}

impl Imported {
    /// A file as a mapping has read it.
    pub(crate) fn add(&mut self, path: &Path, text: &str) {
        self.files.insert(path.to_owned(), Some(mark(text)));
    }

    /// A file that a mapping could not read, or not within its bounds.
    pub(crate) fn add_refused(&mut self, path: &Path) {
        self.files.insert(path.to_owned(), mark_of(path));
    }

    /// The same files as they are now.
    #[must_use]
    pub fn again(&self) -> Self {
        let paths = self.files.keys();
        Self {
            files: paths.map(|path| (path.clone(), mark_of(path))).collect(),
        }
    }

    /// Adds those of others; a file in both is as the other has it.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
    }

    /// The files, in the order of their paths.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }
}

fn mark_of(path: &Path) -> Option<u64> {
    read_text_file(path, IMPORT_BYTES_MAX)
        .ok()
        .map(|text| mark(&text))
}

fn mark(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use crate::{Environment, Mapping};

    #[test]
    fn files_that_imports_import_are_known_and_a_change_of_any_of_them_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write("a.blobl", "import \"sub/b.blobl\"\nmap a { root = 1 }\n");
        write("sub/b.blobl", "map b { root = 1 }\n");
        let environment = Environment::new().with_directory(folder.path());
        let own = environment.clone().with_given("label", "x".into());
        Mapping::compile("import \"a.blobl\"\nroot = this.apply(\"a\")", &own).unwrap();
        assert!(Mapping::compile("from \"missing.blobl\"", &own).is_err());
        let read = environment.imported();
        let names: Vec<_> = read
            .paths()
            .map(|it| it.strip_prefix(folder.path()).unwrap().to_owned())
            .collect();
        let expected = ["a.blobl", "missing.blobl", "sub/b.blobl"];
        assert_eq!(names, expected.map(std::path::PathBuf::from));
        assert_eq!(read.again(), read);
        write("sub/b.blobl", "map b { root = 2 }\n");
        assert_ne!(read.again(), read);
        write("sub/b.blobl", "map b { root = 1 }\n");
        assert_eq!(read.again(), read);
        write("missing.blobl", "root = 1");
        assert_ne!(read.again(), read);
    }
}
