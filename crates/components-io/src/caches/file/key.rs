//! Where the item of a key lies: a file for each key, which is the key itself where that is a name.
//!
//! ```text
//! a         a
//! a/b       .millrace-below-a/b
//! a//b      .millrace-below-a/.millrace-below-/b
//! a/        .millrace-below-a/.millrace-item-
//! ```
//!
//! Names that begin as ours do are never the key itself, and a folder is never called as a file is: no
//! two keys have one file, and none is in the way of another one.

use std::path::PathBuf;

use millrace_message::Error;

/// How the names begin that are no part of a key.
const RESERVED: &str = ".millrace-";
/// Before the part of a key that is the name of a folder.
const BELOW: &str = ".millrace-below-";
/// Before the last part of a key that cannot be the name of a file itself.
const ITEM: &str = ".millrace-item-";

/// A key, known to stay within the directory.
#[derive(Debug)]
pub(super) struct Key {
    folders: Vec<String>,
    name: String,
}

impl Key {
    /// # Errors
    /// It cannot name a file.
    pub(super) fn of(key: &str) -> Result<Self, Error> {
        let refuse = |reason| {
            Err(Error::rejected(format!(
                "the key `{key}` cannot name a file: {reason}"
            )))
        };
        let mut folders: Vec<_> = key.split('/').map(str::to_owned).collect();
        if folders.iter().any(|it| it == "..") {
            return refuse("it leads out of the directory");
        }
        if folders.iter().all(|it| matches!(&**it, "" | ".")) {
            return refuse("it is empty");
        }
        if key.contains('\0') {
            return refuse("it has a zero byte");
        }
        let name = folders.pop().unwrap_or_default();
        Ok(Self { folders, name })
    }

    /// The path of its file below the directory.
    pub(super) fn path(&self) -> PathBuf {
        match is_plain(&self.name) {
            true => self.folder().join(&self.name),
            false => self.path_beside_a_folder(),
        }
    }

    /// Another one that no key has, for where a folder has taken that path.
    pub(super) fn path_beside_a_folder(&self) -> PathBuf {
        self.folder().join(format!("{ITEM}{}", self.name))
    }

    /// The path that an older version used for it and for no other key; nothing when it is the same
    /// one still.
    pub(super) fn older_path(&self) -> Option<PathBuf> {
        let parts = || self.folders.iter().chain([&self.name]);
        let had_its_own = !self.folders.is_empty() && parts().all(|it| is_plain(it));
        had_its_own.then(|| parts().collect())
    }

    fn folder(&self) -> PathBuf {
        let folders = self.folders.iter();
        folders.map(|it| format!("{BELOW}{it}")).collect()
    }
}

/// Whether a part of a key is a name, and none of ours.
fn is_plain(part: &str) -> bool {
    !matches!(part, "" | ".") && !part.starts_with(RESERVED)
}
