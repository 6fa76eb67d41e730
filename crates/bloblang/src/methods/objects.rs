//! Methods on objects.
use crate::registry::Method;
pub(super) const METHODS: &[Method] = &[];
