//! A template and the texts that it is made of.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use millrace_message::Value;

use crate::ast::{Tree, is_empty};
use crate::execute;
use crate::functions::{HostFunction, Names};
use crate::meter::Limits;
use crate::parser::{self, Parsed};
use crate::{Fault, Host, SyntaxError};

/// The longest text, in bytes.
const LENGTH_MAX: usize = 1 << 20;

/// A template that can be rendered. Clones share it.
#[derive(Clone, Debug)]
pub struct Template(Arc<Program>);

#[derive(Debug)]
pub(crate) struct Program {
    pub main: Arc<Tree>,
    pub named: HashMap<Arc<str>, Arc<Tree>>,
    pub sources: Vec<Source>,
    pub changes_maps: bool,
}

/// A text and what errors call it.
#[derive(Debug)]
pub(crate) struct Source {
    pub name: Arc<str>,
    pub text: Arc<str>,
}

/// Makes a template of several texts.
#[derive(Debug)]
pub struct Builder<'f> {
    functions: &'f [HostFunction],
    main: Option<Arc<Tree>>,
    named: HashMap<Arc<str>, Arc<Tree>>,
    sources: Vec<Source>,
    calls: Vec<(usize, Arc<str>, Range<usize>)>,
    changes_maps: bool,
}

impl<'f> Builder<'f> {
    /// A builder of templates that may call these functions of the host.
    pub fn new(functions: &'f [HostFunction]) -> Self {
        Self {
            functions,
            main: None,
            named: HashMap::new(),
            sources: Vec::new(),
            calls: Vec::new(),
            changes_maps: false,
        }
    }

    /// Adds a text under a name; the first one is what is rendered. A name that is defined again
    /// means the later one, unless that is empty.
    ///
    /// # Errors
    /// The first thing that is wrong with the text.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), SyntaxError> {
        if text.len() > LENGTH_MAX {
            return Err(SyntaxError {
                at: 0..0,
                message: format!("the template is longer than {LENGTH_MAX} bytes"),
                help: None,
            });
        }
        let number = self.sources.len();
        let Parsed {
            root,
            defined,
            calls,
            changes_maps,
        } = parser::parse(name, text, number, &Names(self.functions))?;
        self.sources.push(Source {
            name: Arc::clone(&root.name),
            text: Arc::from(text),
        });
        self.changes_maps |= changes_maps;
        let calls = calls.into_iter().map(|(name, at)| (number, name, at));
        self.calls.extend(calls);
        let root_is_empty = is_empty(&root.root);
        let defines_itself = defined.iter().any(|it| it.name == root.name);
        let root = Arc::new(root);
        for tree in defined {
            self.define(Arc::new(tree));
        }
        if !(root_is_empty && defines_itself) {
            self.define(Arc::clone(&root));
        }
        if self.main.is_none() {
            self.main = self.named.get(&root.name).cloned().or(Some(root));
        }
        Ok(())
    }

    fn define(&mut self, tree: Arc<Tree>) {
        if is_empty(&tree.root) && self.named.contains_key(&tree.name) {
            return;
        }
        self.named.insert(Arc::clone(&tree.name), tree);
    }

    /// Calls of templates that are not defined: the number of the text, the name, the place.
    pub fn undefined(&self) -> impl Iterator<Item = (usize, &str, Range<usize>)> {
        self.calls
            .iter()
            .filter(|(_, name, _)| !self.named.contains_key(name))
            .map(|(number, name, at)| (*number, &**name, at.clone()))
    }

    /// The template.
    ///
    /// # Panics
    /// When no text was added.
    pub fn build(self) -> Template {
        Template(Arc::new(Program {
            main: self.main.expect("a template is made of a text at least"),
            named: self.named,
            sources: self.sources,
            changes_maps: self.changes_maps,
        }))
    }
}

impl Template {
    /// A template of one text.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str, functions: &[HostFunction]) -> Result<Self, SyntaxError> {
        let mut builder = Builder::new(functions);
        builder.add("main", text)?;
        Ok(builder.build())
    }

    /// What the template makes of a value.
    ///
    /// # Errors
    /// Where it fails and why, in Go's words, or which bound is exceeded.
    pub fn render(
        &self,
        value: &Value,
        limits: Limits,
        host: &mut dyn Host,
    ) -> Result<Vec<u8>, Fault> {
        execute::render(&self.0, value, limits, host)
    }
}
