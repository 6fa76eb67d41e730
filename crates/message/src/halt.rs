//! How a program that runs for a message hears that nobody waits for it any more.

use std::fmt;
use std::sync::Arc;

/// Tells a run that it is given up. Cloning copies a pointer.
///
/// Who runs a program asks now and then: often enough to end in some milliseconds, seldom enough to
/// cost nothing.
#[derive(Clone, Default)]
pub struct Halt(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Halt {
    /// For runs that nobody gives up.
    pub const NEVER: Self = Self(None);
    /// What a run says that ends by it.
    pub const REASON: &'static str = "the stream is given up";

    /// Given up as soon as `is_asked` is true.
    pub fn when(is_asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_asked)))
    }

    /// Whether the run is given up.
    pub fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|is_asked| is_asked())
    }
}

impl fmt::Debug for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Halt").field(&self.is_asked()).finish()
    }
}
