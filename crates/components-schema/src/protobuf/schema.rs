//! Message types out of the texts of `.proto` files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millrace_message::Error;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::{MessageType, descriptors, nesting};

/// What some `.proto` files define.
#[derive(Clone, Debug)]
pub struct Schema {
    pool: DescriptorPool,
    pub(super) has_required: bool,
}

impl Schema {
    /// Compiles the texts of files, each under the name that others import it by. The files of
    /// `google/protobuf` need not be among them.
    ///
    /// # Errors
    /// A file is no Protobuf, nests too deep, imports one that is not there, or defines what another
    /// one defines.
    pub fn compile(files: BTreeMap<String, String>) -> Result<Self, Error> {
        for (name, text) in &files {
            nesting::check(text).map_err(|line| {
                let most = nesting::DEPTH_MAX;
                Error::fatal(format!(
                    "{name}:{line}: this nests deeper than {most} brackets"
                ))
            })?;
        }
        let names: Vec<String> = files.keys().cloned().collect();
        let mut resolver = ChainFileResolver::new();
        resolver.add(Texts(files));
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        for name in &names {
            compiler
                .open_file(name)
                .map_err(|error| Error::fatal(described(name, &error)))?;
        }
        Ok(Self::of(compiler.descriptor_pool()))
    }

    /// What others have compiled: an encoded `google.protobuf.FileDescriptorSet`, with all files that
    /// are imported.
    ///
    /// # Errors
    /// The bytes are none, or the files do not fit together.
    pub fn compiled(descriptors: &[u8]) -> Result<Self, Error> {
        descriptors::read(descriptors)
            .map(Self::of)
            .map_err(Error::fatal)
    }

    fn of(pool: DescriptorPool) -> Self {
        let has_required = pool
            .all_messages()
            .any(|message| message.fields().any(|field| field.is_required()));
        Self { pool, has_required }
    }

    /// The message of this full name, as `package.Message`.
    pub fn message(&self, name: &str) -> Option<MessageType> {
        let descriptor = self.pool.get_message_by_name(name)?;
        Some(self.message_of(descriptor))
    }

    /// A message that was found through [`Self::pool`].
    pub fn message_of(&self, descriptor: MessageDescriptor) -> MessageType {
        MessageType {
            descriptor,
            has_required: self.has_required,
            others: Arc::default(),
        }
    }

    /// Everything that is defined.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }
}

/// What is wrong with a file: its name, which the compiler does not always put into the text.
fn described(name: &str, error: &protox::Error) -> String {
    let file = error.file().unwrap_or(name);
    // The other form of the text has the line and the column, but only if there are any.
    let text = format!("{error:?}");
    let text = text.lines().next().unwrap_or_default();
    if text.starts_with(file) {
        text.to_owned()
    } else {
        format!("{file}: {error}")
    }
}

/// The texts, by name.
struct Texts(BTreeMap<String, String>);

impl FileResolver for Texts {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        let name = path.to_str()?;
        self.0.contains_key(name).then(|| name.to_owned())
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.get(name) {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}
