//! Config fields: the spanned tree, readers, lint, documentation and schema.
