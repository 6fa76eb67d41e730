//! From a tree to instructions.

use std::collections::HashMap;

use crate::SyntaxError;
use crate::ast::{ActionPattern, Block, Name, Tree};
use crate::code::{ArrayRef, Code, CodeAction, CodeFunction, CodePattern, Op, Place, SPECIALS};
use crate::host;
use crate::names::{Kind, Names};
use crate::pattern::Pattern;
use crate::resolve::resolve;

mod expressions;
mod statements;

/// How large the regular expressions of a program may be together, in bytes.
const PATTERNS_MAX: usize = 32 << 20;

type Result<T> = std::result::Result<T, SyntaxError>;

/// Compiles a program.
///
/// # Errors
/// What is wrong with its names, and where.
pub(crate) fn compile(tree: &Tree, host: &[host::Function]) -> Result<Code> {
    let names = resolve(tree, host)?;
    let mut compiler = Compiler::new(tree, &names, host);
    for (index, function) in tree.functions.iter().enumerate() {
        compiler.enter(index, &function.parameters);
        compiler.code.functions[index].start = compiler.at();
        compiler.block(&function.body)?;
        compiler.ops([Op::Unset, Op::Return]);
    }
    compiler.leave();
    for block in &tree.begin {
        let start = compiler.piece(block)?;
        compiler.code.begin.push(start);
    }
    for action in &tree.actions {
        let pattern = match &action.pattern {
            ActionPattern::Always => CodePattern::Always,
            ActionPattern::When(it) => CodePattern::When(compiler.value_piece(it)?),
            ActionPattern::Range(begin, end) => {
                CodePattern::Range(compiler.value_piece(begin)?, compiler.value_piece(end)?)
            }
        };
        let body = match &action.body {
            Some(block) => Some(compiler.piece(block)?),
            None => None,
        };
        compiler.code.actions.push(CodeAction { pattern, body });
    }
    for block in &tree.end {
        let start = compiler.piece(block)?;
        compiler.code.end.push(start);
    }
    Ok(compiler.code)
}

struct Compiler<'a> {
    names: &'a Names,
    host: &'a [host::Function],
    functions: HashMap<&'a str, usize>,
    /// The function that is compiled, with where its parameters are.
    function: Option<usize>,
    locals: HashMap<String, Place>,
    local_arrays: HashMap<String, u32>,
    code: Code,
    loops: Vec<Loop>,
    patterns_size: usize,
    known: HashMap<Vec<u8>, u32>,
}

/// The jumps of a loop that wait for their goals.
#[derive(Default)]
struct Loop {
    breaks: Vec<usize>,
    continues: Vec<usize>,
}

impl<'a> Compiler<'a> {
    fn new(tree: &'a Tree, names: &'a Names, host: &'a [host::Function]) -> Self {
        let mut variables = HashMap::new();
        let mut arrays = HashMap::new();
        let mut globals = 0;
        for name in names.globals() {
            if names.kind(None, name) == Kind::Array {
                arrays.insert(name.to_owned(), arrays.len() as u32);
            } else {
                variables.insert(name.to_owned(), Place::Global(globals as u32));
                globals += 1;
            }
        }
        for (name, special) in SPECIALS {
            variables.insert(name.to_owned(), Place::Special(special));
        }
        let describe = |(index, function): (usize, &crate::ast::Function)| {
            let is_array = |it: &&String| names.kind(Some(index), it) == Kind::Array;
            let arrays = function.parameters.iter().filter(is_array).count();
            CodeFunction {
                name: function.name.text.clone(),
                start: 0,
                scalars: function.parameters.len() - arrays,
                arrays,
            }
        };
        let functions = tree.functions.iter().enumerate();
        Self {
            names,
            host,
            functions: functions
                .clone()
                .map(|(index, it)| (&*it.name.text, index))
                .collect(),
            function: None,
            locals: HashMap::new(),
            local_arrays: HashMap::new(),
            code: Code {
                ops: Vec::new(),
                begin: Vec::new(),
                actions: Vec::new(),
                end: Vec::new(),
                functions: functions.map(describe).collect(),
                calls: Vec::new(),
                numbers: Vec::new(),
                texts: Vec::new(),
                patterns: Vec::new(),
                variables,
                arrays,
                globals,
            },
            loops: Vec::new(),
            patterns_size: 0,
            known: HashMap::new(),
        }
    }

    fn enter(&mut self, function: usize, parameters: &[String]) {
        self.leave();
        self.function = Some(function);
        for parameter in parameters {
            if self.names.kind(Some(function), parameter) == Kind::Array {
                let index = self.local_arrays.len() as u32;
                self.local_arrays.insert(parameter.clone(), index);
            } else {
                let place = Place::Local(self.locals.len() as u32);
                self.locals.insert(parameter.clone(), place);
            }
        }
    }

    fn leave(&mut self) {
        self.function = None;
        self.locals.clear();
        self.local_arrays.clear();
    }

    fn at(&self) -> u32 {
        self.code.ops.len() as u32
    }

    fn op(&mut self, op: Op) {
        self.code.ops.push(op);
    }

    fn ops(&mut self, ops: impl IntoIterator<Item = Op>) {
        self.code.ops.extend(ops);
    }

    /// A jump whose goal is set later.
    fn jump(&mut self, op: Op) -> usize {
        self.op(op);
        self.code.ops.len() - 1
    }

    /// Sets the goal of a jump: here.
    fn land(&mut self, jump: usize) {
        let here = self.at();
        match &mut self.code.ops[jump] {
            Op::Jump(goal) | Op::JumpIf(goal) | Op::JumpUnless(goal) | Op::NextKey(goal) => {
                *goal = here;
            }
            _ => {}
        }
    }

    fn piece(&mut self, block: &Block) -> Result<u32> {
        let start = self.at();
        self.block(block)?;
        self.op(Op::End);
        Ok(start)
    }

    fn value_piece(&mut self, expression: &crate::ast::Expr) -> Result<u32> {
        let start = self.at();
        self.expression(expression)?;
        self.op(Op::End);
        Ok(start)
    }

    /// Where a variable is.
    fn variable(&self, name: &Name) -> Place {
        let place = self.locals.get(&name.text);
        let place = place.or_else(|| self.code.variables.get(&name.text));
        *place.expect("every variable was found by the resolver")
    }

    fn array(&self, name: &Name) -> ArrayRef {
        if let Some(index) = self.local_arrays.get(&name.text) {
            return ArrayRef::Local(*index);
        }
        let index = self.code.arrays.get(&name.text);
        ArrayRef::Global(*index.expect("every array was found by the resolver"))
    }

    fn is_array(&self, name: &str) -> bool {
        match self.locals.contains_key(name) {
            true => false,
            false => self.local_arrays.contains_key(name) || self.code.arrays.contains_key(name),
        }
    }

    /// A regular expression that is compiled with the program.
    ///
    /// # Errors
    /// There are too many of them, or they are too large.
    fn known_pattern(&mut self, pattern: &[u8], at: usize) -> Result<Option<u32>> {
        if let Some(index) = self.known.get(pattern) {
            return Ok(Some(*index));
        }
        let text = std::str::from_utf8(pattern).ok();
        // A text that is no regular expression is an error only when it is used as one.
        let Some(Ok(compiled)) = text.map(Pattern::compile) else {
            return Ok(None);
        };
        self.patterns_size += compiled.size();
        if self.patterns_size > PATTERNS_MAX {
            let what = "the regular expressions of the program are too large together";
            return Err(SyntaxError::new(at, what));
        }
        let index = self.code.patterns.len() as u32;
        self.code.patterns.push(compiled);
        self.known.insert(pattern.to_vec(), index);
        Ok(Some(index))
    }
}
