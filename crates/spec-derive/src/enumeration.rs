//! Enums of unit variants: text with options.

use crate::attributes::{FieldAttributes, TypeAttributes, docs};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, DeriveInput, Error};

/// The options are the variants' names in snake case, or what `rename` says.
pub fn expand(input: &DeriveInput, data: &DataEnum) -> syn::Result<TokenStream> {
    let about = TypeAttributes::parse(&input.attrs)?.about(&docs(&input.attrs))?;
    let (mut values, mut descriptions, mut variants) = (Vec::new(), Vec::new(), Vec::new());
    for variant in &data.variants {
        if !variant.fields.is_empty() {
            return Err(Error::new_spanned(variant, "an option has no fields"));
        }
        let attributes = FieldAttributes::parse(&variant.attrs)?;
        let name = attributes.rename.map(|it| it.value());
        values.push(name.unwrap_or_else(|| snake_case(&variant.ident.to_string())));
        descriptions.push(docs(&variant.attrs));
        variants.push(&variant.ident);
    }
    let name = &input.ident;
    Ok(quote! {
        impl #name {
            /// The options in order, each with what it means.
            const OPTIONS: &'static [(&'static str, &'static str)] =
                &[#((#values, #descriptions)),*];

            /// The word of the config.
            #[allow(dead_code)]
            pub fn name(&self) -> &'static str {
                match self {
                    #(Self::#variants => #values),*
                }
            }
        }

        impl ::millrace_spec::FieldType for #name {
            fn kind() -> ::millrace_spec::FieldKind {
                ::millrace_spec::derived::options(Self::OPTIONS)
            }

            fn read(
                node: &::millrace_spec::Node,
                cx: &mut ::millrace_spec::ReadContext,
            ) -> Option<Self> {
                match ::millrace_spec::derived::read_option(Self::OPTIONS, node, cx)? {
                    #(#values => Some(Self::#variants),)*
                    _ => None,
                }
            }
        }

        impl ::millrace_spec::Spec for #name {
            const ABOUT: ::millrace_spec::About = #about;

            fn fields() -> Vec<::millrace_spec::FieldSpec> {
                Vec::new()
            }
        }
    })
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
