//! The derive that turns a config struct into its field table and its reader.
//!
//! `#[derive(Spec)]` works on structs with named fields (an object), on structs that wrap one value
//! (that value, bare), on unit structs (an object without fields) and on enums of unit variants
//! (text with options). The crate `millrace-spec` documents the attributes.

mod attributes;
mod enumeration;
mod literal;
mod structure;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Error, Fields, parse_macro_input};

/// Implements `FieldType` and `Spec` (and `FieldGroup` for structs with named fields).
#[proc_macro_derive(Spec, attributes(spec))]
pub fn derive_spec(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new_spanned(
            parameter,
            "a config type has no generic parameters",
        ));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => {
                structure::object(input, &fields.named.iter().collect::<Vec<_>>())
            }
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                structure::bare(input, &fields.unnamed[0])
            }
            Fields::Unit => structure::object(input, &[]),
            Fields::Unnamed(fields) => Err(Error::new_spanned(
                fields,
                "a config struct has named fields or wraps exactly one value",
            )),
        },
        Data::Enum(data) => enumeration::expand(input, data),
        Data::Union(data) => Err(Error::new_spanned(data.union_token, "a config is no union")),
    }
}
