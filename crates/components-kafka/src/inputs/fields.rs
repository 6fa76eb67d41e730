//! Fields that the inputs over the network share.

use millrace_kafka_client::Isolation;
use millrace_spec::{ByteSize, Node, ReadContext, Spec, codes};

use crate::topics::Topics;

/// What is read of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum IsolationLevel {
    /// Everything, aborted transactions too.
    ReadUncommitted,
    /// Those that were committed.
    ReadCommitted,
}

impl From<IsolationLevel> for Isolation {
    fn from(level: IsolationLevel) -> Self {
        match level {
            IsolationLevel::ReadUncommitted => Self::ReadUncommitted,
            IsolationLevel::ReadCommitted => Self::ReadCommitted,
        }
    }
}

/// A lint: complains of topics that are none.
#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
pub fn some_topic(topics: &Vec<String>, node: &Node, cx: &mut ReadContext) {
    if let Err(reason) = Topics::parse(topics) {
        let nodes = node.as_sequence().unwrap_or_default();
        let is_one = |it: &&String| Topics::parse(&[(*it).clone()]).is_err();
        let at = topics.iter().position(|it| is_one(&it)).unwrap_or(0);
        let span = nodes.get(at).map_or(node.span, |it| it.span);
        cx.error(codes::INVALID_VALUE, span, format!("topics: {reason}"));
    }
}

/// A lint: complains of traces that are to begin here.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature of a field lint"
)]
pub fn no_links(wanted: &Option<bool>, node: &Node, cx: &mut ReadContext) {
    if *wanted == Some(true) {
        let message = "field new_root_span_with_link is not supported: a message goes on with the \
                       trace of its header `traceparent`";
        cx.error(codes::NOT_SUPPORTED, node.span, message).help = Some("remove it".to_owned());
    }
}

/// A number of bytes as the protocol counts it.
pub fn bytes(size: ByteSize) -> i32 {
    i32::try_from(size.0).unwrap_or(i32::MAX)
}
