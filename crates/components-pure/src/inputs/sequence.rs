//! The `sequence` input.

use millrace_component::{
    BuildContext, Descriptor, InputChild, InputConfig, InputPart, Source, SourceWriter,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::relay::{EDGE_CAPACITY, pass_on};

/// Reads inputs one after the other: the next one is started when the one before has ended.
///
/// An input has ended when everything it emitted has settled.
#[derive(Clone, Debug, Spec)]
#[spec(input = "sequence", category = "Utility")]
pub struct Config {
    /// Joins structured messages of the inputs by an id.
    #[spec(rename = "sharded_join", advanced)]
    _sharded_join: ShardedJoin,
    /// The inputs, in order.
    inputs: Vec<InputChild>,
}

/// Joins structured messages of the inputs by an id.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
struct ShardedJoin {
    /// The kind of join; only `none` is part of this build.
    #[spec(
        rename = "type",
        default = "none",
        options("none", "full-outer", "outer", "full-outter", "outter")
    )]
    kind: String,
    /// The path of the id.
    #[spec(rename = "id_path", default = "")]
    _id_path: String,
    /// In how many passes the inputs are read.
    #[spec(rename = "iterations", default = 1)]
    _iterations: u64,
    /// How values that collide are merged.
    #[spec(
        rename = "merge_strategy",
        default = "array",
        options("array", "replace", "keep")
    )]
    _merge_strategy: String,
}

fn check(join: &mut ShardedJoin, node: &Node, cx: &mut ReadContext) {
    if join.kind != "none" {
        let span = node.get("type").map_or(node.span, |it| it.span);
        let message = format!("`sharded_join.type: {}` is not supported", join.kind);
        cx.error(codes::NOT_SUPPORTED, span, message).help =
            Some("join the messages in a pipeline, by a cache".to_owned());
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let Some(first) = self.inputs.first() else {
            return Err(Error::fatal("sequence needs at least one input"));
        };
        let source = cx.input(first, "sequence.inputs.0")?;
        let (config, cx) = (self.clone(), cx.clone());
        Ok(InputPart::Composite(Source::spawn(
            EDGE_CAPACITY,
            |writer| read_all(config, cx, source, writer),
        )))
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

async fn read_all(
    config: Config,
    cx: BuildContext,
    first: Source,
    writer: SourceWriter,
) -> Result<(), Error> {
    let mut source = first;
    let mut next = 1;
    loop {
        let last = next >= config.inputs.len();
        let follow_end = async {
            let mut exhausted = source.exhausted();
            tokio::select! {
                // A source that is gone is exhausted too.
                _gone = exhausted.wait_for(|exhausted| *exhausted) => {}
                () = writer.stop().cancelled() => source.stop(),
            }
            if last || writer.stop().is_cancelled() {
                writer.exhaust();
            }
        };
        let (read, ()) = tokio::join!(pass_on(&source, &writer.batches), follow_end);
        source.finish().await?;
        if last || !read || writer.stop().is_cancelled() {
            return Ok(());
        }
        source = cx.input(&config.inputs[next], &format!("sequence.inputs.{next}"))?;
        next += 1;
    }
}
