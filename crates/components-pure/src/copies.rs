//! How many children a broker may start.

use millrace_spec::{Node, ReadContext, codes};

/// Children may hold a thread or a connection each, of which a machine refuses more in places where
/// that ends the process.
const CHILDREN_MAX: usize = 4096;

/// Refuses more copies of `children` inputs or outputs than a machine can have.
pub(crate) fn check_copies(copies: usize, children: usize, node: &Node, cx: &mut ReadContext) {
    if copies.saturating_mul(children) > CHILDREN_MAX {
        let span = node.field_span("copies");
        let message = format!("a broker starts no more than {CHILDREN_MAX} children");
        cx.error(codes::INVALID_VALUE, span, message).help =
            Some("a few copies are enough where each has `max_in_flight`".to_owned());
    }
}
