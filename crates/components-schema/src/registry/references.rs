//! The schemas that a schema refers to, and those that they refer to.

use std::collections::HashMap;

use millrace_message::Error;

use super::client::{Client, Reference, Registered};

/// How many schemas one schema may refer to, through others included.
const COUNT_MAX: usize = 1_000;
/// How many bytes they may have.
const BYTES_MAX: usize = 64 << 20;
/// How deep references may go.
const DEPTH_MAX: usize = 100;

/// A schema by the name that it is referred to by.
#[derive(Debug)]
pub(crate) struct Referenced {
    pub name: String,
    pub schema: String,
}

/// Everything that a schema refers to; those that others refer to stand before them.
///
/// # Errors
/// One cannot be fetched, two versions of a name are referred to, or there are too many.
pub(crate) async fn of(client: &Client, root: &Registered) -> Result<Vec<Referenced>, Error> {
    let mut walk = Walk::default();
    // Each level is the references that are left of one schema, and what becomes of it after them.
    let mut levels = vec![Level::of(None, &root.references)];
    while let Some(level) = levels.last_mut() {
        let Some(next) = level.left.pop() else {
            let done = levels.pop().and_then(|level| level.schema);
            walk.found.extend(done);
            continue;
        };
        if walk.is_known(&next)? {
            continue;
        }
        if levels.len() >= DEPTH_MAX {
            let text = format!("references go deeper than {DEPTH_MAX} levels");
            return Err(Error::rejected(text));
        }
        let fetched = client.version(&next).await?;
        walk.count(&next, &fetched)?;
        let schema = Referenced {
            name: next.name,
            schema: fetched.schema,
        };
        levels.push(Level::of(Some(schema), &fetched.references));
    }
    Ok(walk.found)
}

struct Level {
    schema: Option<Referenced>,
    /// The last one is next.
    left: Vec<Reference>,
}

impl Level {
    fn of(schema: Option<Referenced>, references: &[Reference]) -> Self {
        Self {
            schema,
            left: references.iter().rev().cloned().collect(),
        }
    }
}

#[derive(Default)]
struct Walk {
    found: Vec<Referenced>,
    versions: HashMap<String, i64>,
    bytes: usize,
}

impl Walk {
    fn is_known(&self, reference: &Reference) -> Result<bool, Error> {
        let Reference { name, version, .. } = reference;
        match self.versions.get(name) {
            None => Ok(false),
            Some(known) if known == version => Ok(true),
            Some(known) => Err(Error::rejected(format!(
                "`{name}` is referred to in the versions {known} and {version}"
            ))),
        }
    }

    fn count(&mut self, reference: &Reference, fetched: &Registered) -> Result<(), Error> {
        self.versions
            .insert(reference.name.clone(), reference.version);
        self.bytes += fetched.schema.len();
        match self.versions.len() <= COUNT_MAX && self.bytes <= BYTES_MAX {
            true => Ok(()),
            false => Err(Error::rejected(format!(
                "a schema refers to more than {COUNT_MAX} others, or to more than {BYTES_MAX} bytes"
            ))),
        }
    }
}
