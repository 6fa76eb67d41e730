//! The `stdout` output.

use std::io::{ErrorKind, Write};

use millrace_component::{
    BlockingOutput, BuildContext, BuiltOutput, Descriptor, LeafOutput, OutputConfig, OutputPart,
    Reads, WriteError,
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
            to: std::io::stdout(),
        };
        Ok(OutputPart::Leaf(LeafOutput::serial(BuiltOutput::Blocking(
            Box::new(output),
        ))))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Stdout<W> {
    codec: Codec,
    text: Vec<u8>,
    to: W,
}

impl<W: Write + Send> BlockingOutput for Stdout<W> {
    fn write(&mut self, run: &[MessageBatch], results: &mut Vec<Result<(), WriteError>>) {
        self.text.clear();
        for batch in run {
            for message in batch.iter() {
                self.codec.encode(message, &mut self.text);
            }
        }
        let written = self
            .to
            .write_all(&self.text)
            .and_then(|()| self.to.flush())
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

    fn reads(&self) -> Reads {
        Reads::Bytes
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Seek};

    use millrace_component::conformance::{self, Workbench};

    use super::*;

    #[tokio::test]
    async fn stdout_keeps_the_promises_of_an_output() {
        // A file stands for the standard output, which belongs to all tests.
        let mut file = tempfile::tempfile().expect("a file");
        let to = file.try_clone().expect("another handle");
        let config: Config = Workbench::new([crate::OUTPUTS])
            .read("{}")
            .expect("all fields have defaults");
        let fresh = || {
            LeafOutput::serial(BuiltOutput::Blocking(Box::new(Stdout {
                codec: config.codec.clone(),
                text: Vec::new(),
                to: to.try_clone().expect("another handle"),
            })))
        };
        let arrived = || {
            file.rewind().expect("a file");
            let text = io::read_to_string(&file).expect("text");
            text.lines().map(str::to_owned).collect()
        };
        conformance::output(fresh, arrived).await;
    }
}
