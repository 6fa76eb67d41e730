//! What Bento's language has and this build has not: a mapping that uses one of these is refused
//! with the reason, and the reference can say so. A test holds the lists against Bento's.

/// Functions that are not built.
pub const FUNCTIONS: &[&str] = &[];

/// Methods that are not built.
pub const METHODS: &[&str] = &[];
