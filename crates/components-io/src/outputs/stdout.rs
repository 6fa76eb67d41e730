//! The `stdout` output.

use std::io::{ErrorKind, Write};

use millrace_component::{
    BlockingOutput, BuildContext, BuiltOutput, Descriptor, LeafOutput, OutputConfig, OutputPart,
    WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::codec::Codec;

/// Writes messages to the standard output.
///
/// A message is acknowledged when the operating system has taken it. When the reader of a pipe has
/// gone, the run ends with an error, and what was not written goes back to its source.
#[derive(Clone, Debug, Spec)]
#[spec(output = "stdout", category = "Local")]
pub struct Config {
    /// How messages are set apart: `lines`, `append`, or `delim:` and a delimiter.
    #[spec(default = "lines")]
    codec: Codec,
}

impl OutputConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<OutputPart, Error> {
        let output = Stdout {
            codec: self.codec.clone(),
            text: Vec::new(),
        };
        Ok(OutputPart::Leaf(LeafOutput::serial(BuiltOutput::Blocking(
            Box::new(output),
        ))))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Stdout {
    codec: Codec,
    text: Vec<u8>,
}

impl BlockingOutput for Stdout {
    fn write(&mut self, run: &[MessageBatch], results: &mut Vec<Result<(), WriteError>>) {
        self.text.clear();
        for batch in run {
            self.codec.encode(batch, &mut self.text);
        }
        let mut out = std::io::stdout().lock();
        let written = out
            .write_all(&self.text)
            .and_then(|()| out.flush())
            .map_err(|error| {
                let text = format!("write to the standard output: {error}");
                WriteError::all(match error.kind() {
                    // A reader that has gone does not come back.
                    ErrorKind::BrokenPipe => Error::fatal(text),
                    _ => Error::retry(text),
                })
            });
        results.extend(run.iter().map(|_| written.clone()));
    }
}
