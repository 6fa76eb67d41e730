//! What mappings may use beyond their text: files to import, and state that outlives a mapping.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_message::{Text, Value};

use crate::budget::{Allowance, Limits};
use crate::imported::Imported;

/// Access to cache resources for the functions `cache_get`, `cache_set`, `cache_add` and
/// `cache_delete`. Calls block the pipeline thread.
pub trait Caches: Send + Sync {
    /// The bytes of a key, nothing when it is not there.
    ///
    /// # Errors
    /// Text of why the cache can not be asked.
    fn get(&self, cache: &str, key: &str) -> Result<Option<bytes::Bytes>, String>;

    /// Sets a key; with `only_new` it is an error when it exists.
    ///
    /// # Errors
    /// Text of why the cache can not be written.
    fn set(
        &self,
        cache: &str,
        key: &str,
        value: bytes::Bytes,
        only_new: bool,
    ) -> Result<(), String>;

    /// Removes a key.
    ///
    /// # Errors
    /// Text of why the cache can not be written.
    fn delete(&self, cache: &str, key: &str) -> Result<(), String>;
}

/// What mappings are compiled against. Cheap to clone; clones share the counters, and know which
/// files were imported by mappings of any of them.
#[derive(Clone, Default)]
pub struct Environment {
    counters: Arc<Mutex<HashMap<String, i64>>>,
    caches: Option<Arc<dyn Caches>>,
    directory: Option<PathBuf>,
    imported: Arc<Mutex<Imported>>,
    is_pure: bool,
    variables: Option<Arc<BTreeMap<String, String>>>,
    /// The variables that mappings begin with.
    given: Vec<(Text, Value)>,
    /// Shared by clones, so that it can be set when mappings are compiled already.
    allowance: Arc<Limits>,
}

impl Environment {
    /// An environment with counters of its own, no caches, and relative imports resolved against
    /// the working directory.
    pub fn new() -> Environment {
        Environment::default()
    }

    /// Gives access to cache resources.
    #[must_use]
    pub fn with_caches(mut self, caches: Arc<dyn Caches>) -> Environment {
        self.caches = Some(caches);
        self
    }

    /// Resolves relative imports, `file_rel` and `file_rel_json` against a directory.
    #[must_use]
    pub fn with_directory(mut self, directory: impl Into<PathBuf>) -> Environment {
        self.directory = Some(directory.into());
        self
    }

    /// Refuses functions that reach outside the mapping (files, environment variables, caches).
    #[must_use]
    pub fn only_pure(mut self) -> Environment {
        self.is_pure = true;
        self
    }

    /// The variables that `env` reads, instead of those of the process.
    #[must_use]
    pub fn with_variables(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Environment {
        self.variables = Some(Arc::new(variables.into_iter().collect()));
        self
    }

    /// A variable that mappings have from their first line on: `$name`.
    #[must_use]
    pub fn with_given(mut self, name: &str, value: Value) -> Environment {
        self.given.push((Text::from(name), value));
        self
    }

    /// The variables that mappings begin with.
    pub(crate) fn given(&self) -> &[(Text, Value)] {
        &self.given
    }

    /// What one evaluation may take, instead of [`Allowance::default`].
    #[must_use]
    pub fn with_allowance(mut self, allowance: Allowance) -> Environment {
        self.allowance = Arc::default();
        self.set_allowance(allowance);
        self
    }

    /// As [`Environment::with_allowance`], for all clones, and the mappings that were compiled
    /// against one of them.
    pub fn set_allowance(&self, allowance: Allowance) {
        self.allowance.set(allowance);
    }

    /// What one evaluation may take.
    #[inline]
    pub(crate) fn allowance(&self) -> Allowance {
        self.allowance.get()
    }

    /// An environment variable; nothing when it is not set.
    pub fn variable(&self, name: &str) -> Option<String> {
        match &self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        }
    }

    /// Whether functions that reach outside are refused.
    pub(crate) fn is_pure(&self) -> bool {
        self.is_pure
    }

    /// A path as a mapping names it.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        match &self.directory {
            Some(directory) => directory.join(path),
            None => PathBuf::from(path),
        }
    }

    /// The files that mappings have imported so far, as they were then.
    pub fn imported(&self) -> Imported {
        self.lock_imported().clone()
    }

    pub(crate) fn lock_imported(&self) -> MutexGuard<'_, Imported> {
        self.imported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caches, when there are any.
    pub(crate) fn caches(&self) -> Option<&Arc<dyn Caches>> {
        self.caches.as_ref()
    }

    /// The next number of a named counter, from 1.
    pub(crate) fn count(&self, name: &str) -> Value {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counters.entry(name.to_owned()).or_insert(0);
        *count += 1;
        Value::I64(*count)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("caches", &self.caches.is_some())
            .field("directory", &self.directory)
            .field("is_pure", &self.is_pure)
            .field("has_variables", &self.variables.is_some())
            .finish()
    }
}
