//! Spans, codes and the one renderer of errors that a user can cause.
