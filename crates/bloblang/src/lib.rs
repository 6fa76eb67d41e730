//! Bloblang: parse, check, compile and evaluate.
