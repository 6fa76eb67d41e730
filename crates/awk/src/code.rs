//! Compiled programs: instructions for a machine with a stack.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::{Arithmetic, Comparison, Unary};
use crate::host::Function;
use crate::pattern::Pattern;
use crate::token::Builtin;
use crate::{SyntaxError, compile, parser};

/// A compiled program, which threads may share.
#[derive(Clone)]
pub struct Program(pub(crate) Arc<Code>);

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program")
            .field("instructions", &self.0.ops.len())
            .finish_non_exhaustive()
    }
}

impl Program {
    /// Compiles a program that may call these functions of the host; its own functions of the same
    /// name come first.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn compile(source: &str, functions: &[Function]) -> Result<Self, SyntaxError> {
        let tree = parser::parse(source)?;
        let code = compile::compile(&tree, functions)?;
        Ok(Self(Arc::new(code)))
    }

    /// Whether the program uses this variable or array of its own or of the language.
    pub fn uses(&self, name: &str) -> bool {
        self.0.variables.contains_key(name) || self.0.arrays.contains_key(name)
    }
}

pub(crate) struct Code {
    pub ops: Vec<Op>,
    pub begin: Vec<u32>,
    pub actions: Vec<CodeAction>,
    pub end: Vec<u32>,
    pub functions: Vec<CodeFunction>,
    pub calls: Vec<Call>,
    pub numbers: Vec<f64>,
    pub texts: Vec<Vec<u8>>,
    pub patterns: Vec<Pattern>,
    /// The variables of the program, and those of the language that it uses.
    pub variables: HashMap<String, Place>,
    /// The arrays outside of functions.
    pub arrays: HashMap<String, u32>,
    /// How many variables of its own the program has outside of functions.
    pub globals: usize,
}

/// Where the code of a pattern and its action begins.
pub(crate) struct CodeAction {
    pub pattern: CodePattern,
    pub body: Option<u32>,
}

#[derive(Clone, Copy)]
pub(crate) enum CodePattern {
    Always,
    When(u32),
    Range(u32, u32),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct CodeFunction {
    pub name: String,
    pub start: u32,
    /// How many of the parameters are values.
    pub scalars: usize,
    /// How many of them are arrays.
    pub arrays: usize,
}

/// A call: the values lie on the stack, the arrays are named here.
pub(crate) struct Call {
    pub function: u32,
    pub arrays: Vec<ArrayRef>,
    /// How many values the call leaves out.
    pub unset: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrayRef {
    Global(u32),
    Local(u32),
}

/// What can be read and assigned to. The index of a field or element lies on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Global(u32),
    Local(u32),
    Special(Special),
    Field,
    Element(ArrayRef),
}

/// A variable of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Argc,
    Convfmt,
    Filename,
    Fnr,
    Fs,
    Inputmode,
    Nf,
    Nr,
    Ofmt,
    Ofs,
    Ors,
    Outputmode,
    Rlength,
    Rs,
    Rstart,
    Rt,
    Subsep,
}

pub(crate) const SPECIALS: [(&str, Special); 17] = [
    ("ARGC", Special::Argc),
    ("CONVFMT", Special::Convfmt),
    ("FILENAME", Special::Filename),
    ("FNR", Special::Fnr),
    ("FS", Special::Fs),
    ("INPUTMODE", Special::Inputmode),
    ("NF", Special::Nf),
    ("NR", Special::Nr),
    ("OFMT", Special::Ofmt),
    ("OFS", Special::Ofs),
    ("ORS", Special::Ors),
    ("OUTPUTMODE", Special::Outputmode),
    ("RLENGTH", Special::Rlength),
    ("RS", Special::Rs),
    ("RSTART", Special::Rstart),
    ("RT", Special::Rt),
    ("SUBSEP", Special::Subsep),
];

/// A regular expression: compiled with the program, or a text on the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PatternRef {
    Known(u32),
    Stack,
}

/// What a text is split by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Separator {
    /// What `INPUTMODE` says, or what `FS` is.
    Fields,
    /// A text on the stack.
    Stack,
}

/// One instruction. What it takes from the stack and leaves there stands in brackets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// The end of a piece of code.
    End,
    /// `( -- number)`
    Number(u32),
    /// `( -- text)`
    Text(u32),
    /// `( -- unset)`
    Unset,
    /// `(value -- )`
    Drop,
    /// `([index] -- value)`
    Load(Place),
    /// `( -- field)`
    FieldAt(i32),
    /// `(name -- field)`
    FieldNamed,
    /// `(value [index] -- value)`
    Store(Place),
    /// `(value [index] -- value)`
    Modify(Place, Arithmetic),
    /// `([index] -- number)`
    Step {
        place: Place,
        is_up: bool,
        is_prefix: bool,
    },
    /// `(values -- key)`, so many of them.
    Key(u32),
    /// `(key -- truth)`
    Contains(ArrayRef),
    /// `(key -- )`
    Delete(ArrayRef),
    Clear(ArrayRef),
    /// `( -- number)`
    Length(ArrayRef),
    /// `(number number -- number)`
    Arithmetic(Arithmetic),
    /// `(value value -- truth)`
    Compare(Comparison),
    /// `(value -- value)`
    Unary(Unary),
    /// `(value -- truth)`
    Truth,
    /// `(values -- text)`, so many of them.
    Concat(u32),
    /// `(text [pattern] -- truth)`
    Matches {
        pattern: PatternRef,
        is_negated: bool,
    },
    /// `( -- truth)`
    LineMatches(u32),
    Jump(u32),
    /// `(value -- )`
    JumpIf(u32),
    /// `(value -- )`
    JumpUnless(u32),
    /// Begins a loop over keys.
    LoopKeys(ArrayRef),
    /// `( -- key)`, or goes where the loop ends.
    NextKey(u32),
    EndKeys,
    /// `(values -- value)`
    Call(u32),
    /// `(values -- value)`
    HostCall {
        function: u32,
        arguments: u32,
    },
    /// `(value -- )`
    Return,
    /// `(values -- )`, so many of them.
    Print(u32),
    PrintLine,
    /// `(format values -- )`, so many of them.
    Printf(u32),
    /// `(format values -- text)`, so many of them.
    Sprintf(u32),
    /// `(values -- value)`
    Builtin(Builtin, u8),
    /// `(text [pattern] -- number)`
    Match(PatternRef),
    /// `(text [separator] -- number)`
    Split(ArrayRef, Separator),
    /// `([pattern] replacement [index] -- number)`
    Substitute {
        place: Place,
        pattern: PatternRef,
        is_global: bool,
    },
    /// `([index] -- number)`
    Getline(Option<Place>),
    Next,
    NextFile,
    /// `(number -- )` when it has one.
    Exit {
        has_status: bool,
    },
}
