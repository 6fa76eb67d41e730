//! Schemas as others have compiled them.

use prost::Message;
use prost_reflect::DescriptorPool;
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, ServiceDescriptorProto,
};

/// Reads an encoded set of files.
///
/// # Errors
/// The bytes are none, the files do not fit together, or their options were not compiled.
pub(super) fn read(set: &[u8]) -> Result<DescriptorPool, String> {
    let files = FileDescriptorSet::decode(set)
        .map_err(|error| format!("this is no set of file descriptors: {error}"))?;
    // What reads the texts of such options takes stack for each level that they nest.
    if let Some(file) = files.file.iter().find(|it| has_texts(it)) {
        let name = file.name();
        return Err(format!("the options of `{name}` were not compiled"));
    }
    let mut pool = DescriptorPool::new();
    match pool.decode_file_descriptor_set(set) {
        Ok(()) => Ok(pool),
        Err(error) => Err(format!("the file descriptors do not fit together: {error}")),
    }
}

/// Whether options of something stand there as texts.
macro_rules! texts {
    ($of:expr) => {
        $of.options
            .as_ref()
            .is_some_and(|it| !it.uninterpreted_option.is_empty())
    };
}

fn has_texts(file: &FileDescriptorProto) -> bool {
    texts!(file)
        || file.message_type.iter().any(in_message)
        || file.enum_type.iter().any(in_enum)
        || file.service.iter().any(in_service)
        || file.extension.iter().any(in_field)
}

/// Messages nest as deep as descriptors are read, which is bounded.
fn in_message(message: &DescriptorProto) -> bool {
    texts!(message)
        || message.field.iter().any(in_field)
        || message.extension.iter().any(in_field)
        || message.nested_type.iter().any(in_message)
        || message.enum_type.iter().any(in_enum)
        || message.oneof_decl.iter().any(|it| texts!(it))
        || message.extension_range.iter().any(|it| texts!(it))
}

fn in_field(field: &FieldDescriptorProto) -> bool {
    texts!(field)
}

fn in_enum(of: &EnumDescriptorProto) -> bool {
    texts!(of) || of.value.iter().any(|it| texts!(it))
}

fn in_service(service: &ServiceDescriptorProto) -> bool {
    texts!(service) || service.method.iter().any(|it| texts!(it))
}
