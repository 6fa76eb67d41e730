//! The `stdin` input.

mod kept;

use std::os::fd::AsFd;

use millrace_component::{
    BlockingInput, BuildContext, BuiltInput, Descriptor, InputConfig, InputPart, LeafInput,
    OldCodec, ReplayPolicy, ScannerChild,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec};

use self::kept::KeptInput;
use super::scanned::{ScannedInput, Stream};
use super::source::Source;

pub use kept::end_standard_input;

/// Reads the standard input and ends with it.
#[derive(Clone, Debug, Spec)]
#[spec(input = "stdin", category = "Local", check = check)]
pub struct Config {
    /// How the stream is cut into messages.
    #[spec(default = {"lines": {}})]
    scanner: ScannerChild,
    /// How old configs say that.
    #[spec(flatten)]
    old_codec: OldCodec,
    /// Whether a message that was not delivered is sent again.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How it is sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

fn check(config: &mut Config, _: &Node, cx: &mut ReadContext) {
    config.old_codec.replace(&mut config.scanner, cx);
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        // Past the buffer of the standard library, in which something may wait that nobody sees.
        let own = std::io::stdin().as_fd().try_clone_to_owned();
        let own = own.map_err(|error| Error::fatal(format!("open the standard input: {error}")))?;
        Ok(InputPart::Leaf(self.leaf(Source::Shared(own.into()), cx)?))
    }
}

impl Config {
    fn leaf(&self, source: Source, cx: &BuildContext) -> Result<LeafInput, Error> {
        let stream = Stream::Open("the standard input".to_owned(), source);
        let scanner = cx.scanner(&self.scanner, "scanner")?;
        let open = || ScannedInput::new([stream], scanner, false, cx.identity());
        let leftovers = cx.flow().leftovers().clone();
        let input: Box<dyn BlockingInput> = match leftovers.is_wanted() {
            true => {
                let scanner = format!("{:?}", self.scanner);
                Box::new(KeptInput::new(scanner, leftovers, open)?)
            }
            false => Box::new(open()),
        };
        Ok(LeafInput {
            input: BuiltInput::Blocking(input),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        })
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, End, Workbench};

    use super::*;

    #[tokio::test]
    async fn stdin_keeps_the_promises_of_an_input() {
        let bench = Workbench::new([crate::INPUTS, crate::SCANNERS]);
        let config: Config = bench.read("{}").expect("all fields have defaults");
        let fresh = || {
            let typed: &'static [u8] = b"one\ntwo\n\nthree";
            let source = Source::Memory(typed);
            let leaf = config.leaf(source, &bench.context("stdin"));
            leaf.expect("a scanner for lines")
        };
        conformance::input_without_acks(fresh, End::Comes, &["one", "two", "", "three"]).await;
    }
}
