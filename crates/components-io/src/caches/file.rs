//! The `file` cache.

mod key;

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_component::{
    Added, BuildContext, BuiltCache, Cache, CacheConfig, Descriptor, Identity,
};
use millrace_message::Error;
use millrace_spec::Spec;

use crate::whole_file::Unfinished;
use key::Key;

/// Keeps each item as a file: its key is the name of the file in the directory.
///
/// Each key has a file of its own. What stands before a `/` in it is a folder, which is made when it is
/// needed and whose name begins with `.millrace-below-`, so that the key `a` has a place beside the key
/// `a/b`: that one is `.millrace-below-a/b`. Where an item of such a key is a file `a/b`, as an older
/// version or another program has written it, it is read from there. A key with `..` is refused.
///
/// A reader sees a value whole or not at all, also after a crash of the process: it is written
/// beside its place and moved there. `add` is one atomic step, over all processes that share the
/// directory. Files are not synced: a crash of the machine may take the last ones.
///
/// Items never expire: a time to live has no effect, which is logged once. A file of more than
/// 1 GiB is not read.
#[derive(Clone, Debug, Spec)]
#[spec(cache = "file", status = "stable")]
pub struct Config {
    /// The directory of the files.
    #[spec(example = "./cache")]
    directory: String,
}

impl CacheConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltCache, Error> {
        Ok(BuiltCache::Remote(Arc::new(FileCache {
            folder: Arc::new(Folder {
                path: PathBuf::from(&self.directory),
            }),
            identity: Arc::clone(cx.identity()),
            has_warned: AtomicBool::new(false),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::cache::<Config>();

/// The largest file that is read.
const VALUE_MAX: u64 = 1 << 30;

struct FileCache {
    folder: Arc<Folder>,
    identity: Arc<Identity>,
    has_warned: AtomicBool,
}

impl FileCache {
    /// Runs `work` where it may wait for the disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let folder = Arc::clone(&self.folder);
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.unwrap_or_else(|error| Err(Error::retry(format!("cache `file`: {error}"))))
    }

    fn warn_of_ttl(&self, ttl: Option<Duration>) {
        if ttl.is_some() && !self.has_warned.swap(true, Ordering::Relaxed) {
            self.identity
                .log_warning("items of this cache never expire: the time to live has no effect");
        }
    }
}

#[async_trait]
impl Cache for FileCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        let key = Key::of(key)?;
        self.on_disk(move |folder| folder.read(&key)).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        self.warn_of_ttl(ttl);
        let key = Key::of(key)?;
        self.on_disk(move |folder| folder.replace(&key, &value))
            .await
    }

    async fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error> {
        self.warn_of_ttl(ttl);
        let key = Key::of(key)?;
        self.on_disk(move |folder| folder.add(&key, &value)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let key = Key::of(key)?;
        self.on_disk(move |folder| folder.remove(&key)).await
    }
}

struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The file of a key; beside its usual place, where a folder of older items is there.
    fn place(&self, key: &Key) -> PathBuf {
        let path = self.path.join(key.path());
        match path.is_dir() {
            true => self.path.join(key.path_beside_a_folder()),
            false => path,
        }
    }

    /// Where an older version has put the item of this key, if it is there.
    fn older(&self, key: &Key) -> Option<PathBuf> {
        let path = self.path.join(key.older_path()?);
        path.is_file().then_some(path)
    }

    fn read(&self, key: &Key) -> Result<Option<Bytes>, Error> {
        match (read(&self.place(key))?, self.older(key)) {
            (None, Some(older)) => read(&older),
            (found, _) => Ok(found),
        }
    }

    fn replace(&self, key: &Key, value: &[u8]) -> Result<(), Error> {
        let path = self.place(key);
        let unfinished = Self::write_beside(&path, value)?;
        let written = unfinished.finish(&path);
        written.map_err(|error| failed("write", &path, &error))
    }

    fn add(&self, key: &Key, value: &[u8]) -> Result<Added, Error> {
        let path = self.place(key);
        if path.exists() || self.older(key).is_some() {
            return Ok(Added::AlreadyThere);
        }
        let unfinished = Self::write_beside(&path, value)?;
        // A link is made only where nothing is.
        match std::fs::hard_link(unfinished.path(), &path) {
            Ok(()) => Ok(Added::Stored),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Added::AlreadyThere),
            Err(error) => Err(failed("write", &path, &error)),
        }
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        // The older one first: while the other one is there, nobody sees it.
        for path in self.older(key).into_iter().chain([self.place(key)]) {
            match std::fs::remove_file(&path) {
                Err(error) if !is_missing(&error) => return Err(failed("delete", &path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn write_beside(path: &Path, value: &[u8]) -> Result<Unfinished, Error> {
        let unfinished = Unfinished::beside(path, |file| file.write_all(value));
        unfinished.map_err(|error| failed("write", path, &error))
    }
}

fn read(path: &Path) -> Result<Option<Bytes>, Error> {
    let open = || {
        let file = std::fs::File::open(path)?;
        let mut value = Vec::new();
        file.take(VALUE_MAX + 1).read_to_end(&mut value)?;
        Ok(value)
    };
    match open() {
        Ok(value) if value.len() as u64 > VALUE_MAX => Err(Error::rejected(format!(
            "read `{}`: it has more than {VALUE_MAX} bytes",
            path.display()
        ))),
        Ok(value) => Ok(Some(value.into())),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    let text = format!("{what} `{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::InvalidFilename | ErrorKind::IsADirectory | ErrorKind::NotADirectory => {
            Error::rejected(text)
        }
        _ => Error::retry(text),
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Keeps, Workbench};
    use millrace_message::ErrorClass;

    use super::*;

    const OK: &str = "the folder can be used";

    fn cache(folder: &Path) -> BuiltCache {
        let yaml = format!("file: {{ directory: '{}' }}", folder.display());
        Workbench::new([crate::CACHES]).cache(&yaml)
    }

    fn value(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_cache() {
        let folder = tempfile::tempdir().expect(OK);
        conformance::cache(&cache(folder.path()), Keeps::Values).await;
    }

    #[tokio::test]
    async fn an_item_is_a_file_of_its_key() {
        let folder = tempfile::tempdir().expect(OK);
        let cache = cache(&folder.path().join("made"));
        for (key, name) in [("b c", "b c"), ("a/b c", ".millrace-below-a/b c")] {
            cache.set(key, value("1"), None).await.expect(OK);
            let file = folder.path().join("made").join(name);
            assert_eq!(std::fs::read(&file).expect(OK), b"1");
            std::fs::write(&file, b"2").expect(OK);
            assert_eq!(cache.get(key).await.expect(OK), Some(value("2")));
        }
        assert_eq!(cache.get("a/b c/d").await.expect(OK), None);
    }

    #[tokio::test]
    async fn no_key_stands_in_the_place_of_another_one() {
        let folder = tempfile::tempdir().expect(OK);
        let cache = cache(folder.path());
        let keys = [
            "a/b",
            "a",
            "c//d",
            "c/d",
            "/c/d",
            "c/d/",
            "c/./d",
            "c",
            "a/b/c",
            "a/",
            "./a",
            "a/.",
            ".millrace-below-a",
            ".millrace-below-a/b",
            ".millrace-item-a",
            ".millrace-item-",
            ".millrace-unfinished-1-1",
        ];
        for key in keys {
            let added = cache.add(key, value(key), None).await.expect(key);
            assert_eq!(added, Added::Stored, "{key}");
        }
        for key in keys {
            assert_eq!(cache.get(key).await.expect(key), Some(value(key)));
            cache.delete(key).await.expect(key);
            assert_eq!(cache.get(key).await.expect(key), None, "{key}");
        }
    }

    /// They were files in folders of plain names.
    #[tokio::test]
    async fn items_of_older_versions_are_there_and_in_nobodys_way() {
        let folder = tempfile::tempdir().expect(OK);
        std::fs::create_dir(folder.path().join("a")).expect(OK);
        std::fs::write(folder.path().join("a/b"), b"old").expect(OK);
        let cache = cache(folder.path());
        assert_eq!(cache.get("a/b").await.expect(OK), Some(value("old")));
        let added = cache.add("a/b", value("1"), None).await.expect(OK);
        assert_eq!(added, Added::AlreadyThere);
        assert_eq!(cache.get("a//b").await.expect(OK), None);
        // A folder is where its file would be.
        let added = cache.add("a", value("plain"), None).await.expect(OK);
        assert_eq!(added, Added::Stored);
        assert_eq!(cache.get("a").await.expect(OK), Some(value("plain")));
        cache.set("a/b", value("new"), None).await.expect(OK);
        assert_eq!(cache.get("a/b").await.expect(OK), Some(value("new")));
        cache.delete("a/b").await.expect(OK);
        assert_eq!(cache.get("a/b").await.expect(OK), None);
    }

    #[tokio::test]
    async fn a_key_never_leads_out_of_the_directory() {
        let folder = tempfile::tempdir().expect(OK);
        std::fs::write(folder.path().join("secret"), b"x").expect(OK);
        let cache = cache(&folder.path().join("items"));
        for key in ["../secret", "a/../../secret", "..", "", "/", "a\0b", "./.."] {
            for error in [
                cache.get(key).await.expect_err(key),
                cache.set(key, value("1"), None).await.expect_err(key),
                cache.add(key, value("1"), None).await.expect_err(key),
                cache.delete(key).await.expect_err(key),
            ] {
                assert_eq!(error.class(), ErrorClass::Rejected, "{error}");
            }
        }
        let long = "x".repeat(300);
        let error = cache
            .set(&long, value("1"), None)
            .await
            .expect_err("too long");
        assert_eq!(error.class(), ErrorClass::Rejected, "{error}");
        assert_eq!(std::fs::read(folder.path().join("secret")).expect(OK), b"x");
    }

    #[tokio::test]
    async fn nothing_unfinished_is_left_behind() {
        let folder = tempfile::tempdir().expect(OK);
        let cache = cache(folder.path());
        cache.set("a", value("1"), None).await.expect(OK);
        cache.set("a", value("2"), None).await.expect(OK);
        cache.add("a", value("3"), None).await.expect(OK);
        cache.add("b", value("3"), None).await.expect(OK);
        let long = "c".repeat(300);
        cache
            .set(&long, value("1"), None)
            .await
            .expect_err("too long");
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .expect(OK)
            .map(|entry| entry.expect(OK).file_name().into_string().expect(OK))
            .collect();
        names.sort();
        assert_eq!(names, ["a", "b"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_several_that_add_a_key_one_succeeds_and_readers_see_whole_values() {
        let folder = tempfile::tempdir().expect(OK);
        let large = |byte: u8| Bytes::from(vec![byte; 1 << 20]);
        let tasks: Vec<_> = (0..8_u8)
            .map(|byte| {
                let cache = cache(folder.path());
                tokio::spawn(async move {
                    let added = cache.add("k", large(byte), None).await.expect(OK);
                    let seen = cache.get("k").await.expect(OK).expect("it is there");
                    assert_eq!(seen, large(seen[0]));
                    added
                })
            })
            .collect();
        let mut stored = 0;
        for task in tasks {
            stored += usize::from(task.await.expect(OK) == Added::Stored);
        }
        assert_eq!(stored, 1);
    }
}
