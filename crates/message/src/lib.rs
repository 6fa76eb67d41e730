//! The vocabulary of the message path: value, message, batch, origin and acknowledgement.
