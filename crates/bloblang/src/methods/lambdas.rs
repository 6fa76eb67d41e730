//! Methods that evaluate an expression per element.
use crate::registry::Method;
pub(super) const METHODS: &[Method] = &[];
