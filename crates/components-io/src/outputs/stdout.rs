//! The `stdout` output.

use std::io::Write;

use millrace_component::{
    BlockingOutput, BuildContext, BuiltOutput, Descriptor, LeafOutput, OutputConfig, OutputPart,
    WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::codec::Codec;

/// Writes messages to the standard output.
///
/// A message is acknowledged when the operating system has taken it.
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
                WriteError::all(Error::retry(format!(
                    "write to the standard output: {error}"
                )))
            });
        results.extend(run.iter().map(|_| written.clone()));
    }
}
