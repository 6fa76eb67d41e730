//! The `stdin` input.

use millrace_component::{
    BuildContext, BuiltInput, Descriptor, InputConfig, InputPart, LeafInput, ReplayPolicy,
    ScannerChild,
};
use millrace_message::Error;
use millrace_spec::Spec;

use super::scanned::{ScannedInput, Stream};

/// Reads the standard input and ends with it.
#[derive(Clone, Debug, Spec)]
#[spec(input = "stdin", category = "Local")]
pub struct Config {
    /// How the stream is cut into messages.
    #[spec(default = {"lines": {}})]
    scanner: ScannerChild,
    /// Whether a message that was not delivered is sent again.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How it is sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let scanner = cx.scanner(&self.scanner, "scanner")?;
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Blocking(Box::new(ScannedInput::new(
                [Stream::Stdin],
                scanner,
                false,
            ))),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();
