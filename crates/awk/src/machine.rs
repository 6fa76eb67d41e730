//! Runs compiled programs.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::array::Array;
use crate::code::{Code, CodePattern};
use crate::fields::Record;
use crate::host::Host;
use crate::meter::{Held, Meter, Text};
use crate::pattern::Patterns;
use crate::records::{RecordSplitter, Records};
use crate::value::Value;
use crate::{Fault, Limits, Program};

mod builtins;
mod calls;
mod execute;
mod input;
mod random;
mod specials;
mod texts;
mod variables;

use calls::{Frame, KeyLoop};
use random::Random;
use specials::Specials;

/// Runs one program on one text after another. It belongs to one thread.
pub struct Machine {
    code: Arc<Code>,
    meter: Rc<Meter>,
    texts: Vec<Value>,
    patterns: Patterns,
}

/// What a run gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the program printed.
    pub output: Vec<u8>,
    /// The status that it exited with.
    pub status: i64,
}

impl Machine {
    /// A machine for a program.
    ///
    /// # Errors
    /// The texts of the program are larger than the memory of a run.
    pub fn new(program: &Program, limits: Limits) -> Result<Self, Fault> {
        let code = Arc::clone(&program.0);
        let meter = Meter::new(limits);
        let texts = code.texts.iter();
        let texts = texts.map(|it| meter.text(&it[..]).map(Value::Text));
        Ok(Self {
            texts: texts.collect::<Result<_, _>>()?,
            code,
            meter,
            patterns: Patterns::default(),
        })
    }

    /// Runs the program on a text. Variables are set first, as text of the input; those that the
    /// program does not use are left out. `environment` is what the array `ENVIRON` holds.
    ///
    /// # Errors
    /// A mistake of the program that only shows now, an error of the host, or a bound.
    pub fn run(
        &mut self,
        input: &[u8],
        variables: &[(&str, &[u8])],
        environment: &[(&str, &[u8])],
        host: &mut dyn Host,
    ) -> Result<Outcome, Fault> {
        self.meter.restart();
        let mut run = Run::new(self, input, host);
        run.set_up(variables, environment)?;
        run.whole()?;
        Ok(Outcome {
            output: std::mem::take(&mut run.output),
            status: run.status,
        })
    }
}

/// How a piece of code ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Done,
    Next,
    NextFile,
    Exit,
}

/// The state of one run.
struct Run<'a> {
    code: &'a Code,
    meter: &'a Rc<Meter>,
    texts: &'a [Value],
    patterns: &'a mut Patterns,
    host: &'a mut dyn Host,

    globals: Vec<Value>,
    stack: Vec<Value>,
    /// Arrays of the program, and behind them those of the calls that are under way.
    arrays: Vec<Array>,
    /// Which arrays the parameters of the calls are.
    array_refs: Vec<u32>,
    frame: Frame,
    frames: Vec<Frame>,
    loops: Vec<KeyLoop>,

    records: Records<'a>,
    /// How records are cut, once the first is read.
    record_splitter: Option<RecordSplitter>,
    record: Record,
    /// The numbers of the fields by their names, once there was a header.
    field_names: Option<HashMap<Text, i64>>,
    specials: Specials,
    random: Random,

    output: Vec<u8>,
    /// The memory of the output, and of what the host keeps.
    held: Held,
    status: i64,
}

impl<'a> Run<'a> {
    fn new(machine: &'a mut Machine, input: &'a [u8], host: &'a mut dyn Host) -> Self {
        let (code, meter) = (&*machine.code, &machine.meter);
        Self {
            globals: vec![Value::Unset; code.globals],
            stack: Vec::new(),
            arrays: code.arrays.iter().map(|_| Array::new(meter)).collect(),
            array_refs: Vec::new(),
            frame: Frame::default(),
            frames: Vec::new(),
            loops: Vec::new(),
            records: Records::new(input),
            record_splitter: None,
            record: Record::new(meter),
            field_names: None,
            specials: Specials::default(),
            random: Random::default(),
            output: Vec::new(),
            held: Held::nothing(meter),
            status: 0,
            texts: &machine.texts,
            patterns: &mut machine.patterns,
            code,
            meter,
            host,
        }
    }

    fn set_up(
        &mut self,
        variables: &[(&str, &[u8])],
        environment: &[(&str, &[u8])],
    ) -> Result<(), Fault> {
        self.set_element("ARGV", b"0", b"")?;
        for (name, value) in environment {
            self.set_element("ENVIRON", name.as_bytes(), value)?;
        }
        for (name, value) in variables {
            if let Some(place) = self.code.variables.get(*name) {
                let value = Value::Input(self.meter.text(*value)?);
                self.store(*place, value)?;
            }
        }
        Ok(())
    }

    fn set_element(&mut self, array: &str, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        if let Some(index) = self.code.arrays.get(array) {
            let value = Value::Input(self.meter.text(value)?);
            *self.arrays[*index as usize].get(key, self.meter)? = value;
        }
        Ok(())
    }

    /// BEGIN, the records, END.
    fn whole(&mut self) -> Result<(), Fault> {
        let code = self.code;
        let mut flow = self.pieces(&code.begin)?;
        if code.actions.is_empty() && code.end.is_empty() {
            return Ok(());
        }
        if flow != Flow::Exit {
            flow = self.all_records()?;
        }
        debug_assert!(matches!(flow, Flow::Done | Flow::Exit));
        self.pieces(&code.end).map(drop)
    }

    fn pieces(&mut self, pieces: &[u32]) -> Result<Flow, Fault> {
        for start in pieces {
            match self.execute(*start)? {
                Flow::Done => {}
                Flow::Exit => return Ok(Flow::Exit),
                Flow::Next | Flow::NextFile => {
                    return Err(Fault::new("`next` was called from BEGIN or END"));
                }
            }
        }
        Ok(Flow::Done)
    }

    fn all_records(&mut self) -> Result<Flow, Fault> {
        let code = self.code;
        let mut in_range = vec![false; code.actions.len()];
        while let Some(line) = self.next_record()? {
            self.record.set_line(line, true);
            for (action, in_range) in code.actions.iter().zip(&mut in_range) {
                let flow = match self.matches(action.pattern, in_range)? {
                    Ok(false) => continue,
                    Ok(true) => match action.body {
                        Some(body) => self.execute(body)?,
                        None => self.print_line().map(|()| Flow::Done)?,
                    },
                    Err(flow) => flow,
                };
                match flow {
                    Flow::Done => {}
                    Flow::Next => break,
                    Flow::NextFile => {
                        self.records.skip_rest();
                        break;
                    }
                    Flow::Exit => return Ok(Flow::Exit),
                }
            }
        }
        Ok(Flow::Done)
    }

    /// Whether a record matches, unless the pattern itself goes elsewhere.
    fn matches(
        &mut self,
        pattern: CodePattern,
        in_range: &mut bool,
    ) -> Result<Result<bool, Flow>, Fault> {
        let (begin, end) = match pattern {
            CodePattern::Always => return Ok(Ok(true)),
            CodePattern::When(start) => return self.truth_of(start),
            CodePattern::Range(begin, end) => (begin, end),
        };
        if !*in_range {
            match self.truth_of(begin)? {
                Ok(is_begin) => *in_range = is_begin,
                other => return Ok(other),
            }
        }
        if !*in_range {
            return Ok(Ok(false));
        }
        match self.truth_of(end)? {
            Ok(is_end) => *in_range = !is_end,
            other => return Ok(other),
        }
        Ok(Ok(true))
    }

    fn truth_of(&mut self, start: u32) -> Result<Result<bool, Flow>, Fault> {
        match self.execute(start)? {
            Flow::Done => {
                let value = self.pop();
                self.is_true(&value).map(Ok)
            }
            other => Ok(Err(other)),
        }
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or_default()
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn text(&self, bytes: impl Into<Box<[u8]>> + AsRef<[u8]>) -> Result<Text, Fault> {
        self.meter.text(bytes)
    }
}
