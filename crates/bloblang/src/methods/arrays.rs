//! Methods on arrays.
use crate::registry::Method;
pub(super) const METHODS: &[Method] = &[];
