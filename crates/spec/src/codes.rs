//! The kinds of complaints about configuration.

use millrace_diagnostics::Code;

/// The text is not YAML.
pub const YAML_SYNTAX: Code = Code("yaml-syntax");
/// A mapping has the same key twice.
pub const DUPLICATE_KEY: Code = Code("duplicate-key");
/// Too deep, too long, or too many alias expansions.
pub const LIMIT: Code = Code("config-limit");
/// A variable without a default is not set.
pub const MISSING_ENV_VAR: Code = Code("missing-env-var");
/// A `.env` file cannot be read.
pub const BAD_ENV_FILE: Code = Code("bad-env-file");
/// A `--set` expression cannot be applied.
pub const BAD_SET: Code = Code("bad-set-expression");
/// The component has no such field.
pub const UNKNOWN_FIELD: Code = Code("unknown-field");
/// A required field is absent.
pub const MISSING_FIELD: Code = Code("missing-field");
/// The value has the wrong type.
pub const WRONG_TYPE: Code = Code("wrong-type");
/// The value has the right type but cannot be used.
pub const INVALID_VALUE: Code = Code("invalid-value");
/// A text that documentation leaves to its reader.
pub const PLACEHOLDER: Code = Code("placeholder");
/// The value is not one of the field's options.
pub const INVALID_OPTION: Code = Code("invalid-option");
/// The same thing is said in two fields.
pub const CONFLICT: Code = Code("conflicting-fields");
/// A field or component that will be removed.
pub const DEPRECATED: Code = Code("deprecated");
/// A field that has no effect here.
pub const SHOULD_OMIT: Code = Code("should-omit");
/// A label has characters that labels cannot have.
pub const BAD_LABEL: Code = Code("bad-label");
/// Labels are demanded and one is absent.
pub const MISSING_LABEL: Code = Code("missing-label");
/// Two components have the same label.
pub const DUPLICATE_LABEL: Code = Code("duplicate-label");
/// A mapping or an interpolation is not Bloblang.
pub const BAD_BLOBLANG: Code = Code("bad-bloblang");
/// A mapping reads a variable that it never assigns.
pub const UNSET_VARIABLE: Code = Code("unset-variable");
/// A component is expected and none is named.
pub const COMPONENT_MISSING: Code = Code("component-missing");
/// No component has this name.
pub const COMPONENT_UNKNOWN: Code = Code("unknown-component");
/// The component exists in Bento but not in this build.
pub const COMPONENT_NOT_BUILT: Code = Code("component-not-built");
/// A resource that nothing declares.
pub const RESOURCE_UNKNOWN: Code = Code("unknown-resource");
/// The field or option exists in Bento, and this build does not do what it asks for.
pub const NOT_SUPPORTED: Code = Code("not-supported");
/// A field or component weakens the delivery of messages; only strict checks say so.
pub const WEAKER_GUARANTEE: Code = Code("weaker-guarantee");
/// What a field asks for is not to be had when the config starts to run.
pub const CANNOT_START: Code = Code("cannot-start");
/// A config file cannot be read.
pub const UNREADABLE_FILE: Code = Code("unreadable-file");
