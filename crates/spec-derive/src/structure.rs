//! Structs: objects, bare values, and objects without fields.

use crate::attributes::{FieldAttributes, TypeAttributes, docs};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Field, Path};

/// A struct with named fields, or with none at all, is an object.
pub fn object(input: &DeriveInput, fields: &[&Field]) -> syn::Result<TokenStream> {
    let attributes = TypeAttributes::parse(&input.attrs)?;
    let about = attributes.about(&docs(&input.attrs))?;
    let parts: Vec<Part> = fields
        .iter()
        .copied()
        .map(part)
        .collect::<syn::Result<_>>()?;
    let tables = parts.iter().map(|part| &part.table);
    let reads = parts.iter().map(|part| &part.read);
    let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let check = check_call(attributes.check.as_ref(), &quote!(fields.node()));
    let name = &input.ident;
    Ok(quote! {
        impl ::millrace_spec::FieldType for #name {
            fn kind() -> ::millrace_spec::FieldKind {
                ::millrace_spec::FieldKind::Object(<Self as ::millrace_spec::Spec>::fields())
            }

            fn read(
                node: &::millrace_spec::Node,
                cx: &mut ::millrace_spec::ReadContext,
            ) -> Option<Self> {
                ::millrace_spec::derived::read_object(node, cx)
            }

            fn read_absent(
                name: &str,
                parent: ::millrace_spec::diagnostics::Span,
                cx: &mut ::millrace_spec::ReadContext,
            ) -> Option<Self> {
                ::millrace_spec::derived::read_absent_object(name, parent, cx)
            }
        }

        impl ::millrace_spec::Spec for #name {
            const ABOUT: ::millrace_spec::About = #about;

            fn fields() -> Vec<::millrace_spec::FieldSpec> {
                let mut table: Vec<::millrace_spec::FieldSpec> = Vec::new();
                #(#tables)*
                table
            }
        }

        impl ::millrace_spec::FieldGroup for #name {
            fn read_fields(
                fields: &mut ::millrace_spec::Fields<'_>,
                cx: &mut ::millrace_spec::ReadContext,
            ) -> Option<Self> {
                #(#reads)*
                let value = Self { #(#names: #names?),* };
                #check
            }
        }
    })
}

/// A struct that wraps one value is that value.
pub fn bare(input: &DeriveInput, field: &Field) -> syn::Result<TokenStream> {
    let attributes = TypeAttributes::parse(&input.attrs)?;
    let about = attributes.about(&docs(&input.attrs))?;
    let check = check_call(attributes.check.as_ref(), &quote!(node));
    let (name, ty) = (&input.ident, &field.ty);
    Ok(quote! {
        impl ::millrace_spec::FieldType for #name {
            const SECRET: bool = <#ty as ::millrace_spec::FieldType>::SECRET;
            const WHOLLY_SECRET: bool = <#ty as ::millrace_spec::FieldType>::WHOLLY_SECRET;

            fn kind() -> ::millrace_spec::FieldKind {
                <#ty as ::millrace_spec::FieldType>::kind()
            }

            fn read(
                node: &::millrace_spec::Node,
                cx: &mut ::millrace_spec::ReadContext,
            ) -> Option<Self> {
                let value = Self(<#ty as ::millrace_spec::FieldType>::read(node, cx)?);
                #check
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

/// The end of a reader: runs the type's own check over `value`.
fn check_call(check: Option<&Path>, node: &TokenStream) -> TokenStream {
    match check {
        None => quote!(Some(value)),
        Some(check) => quote! {
            let mut value = value;
            ::millrace_spec::derived::checked(#check, &mut value, #node, cx)?;
            Some(value)
        },
    }
}

/// What one field adds to the table and to the reader.
struct Part {
    table: TokenStream,
    read: TokenStream,
}

fn part(field: &Field) -> syn::Result<Part> {
    let attributes = FieldAttributes::parse(&field.attrs)?;
    let (ident, ty) = (&field.ident, &field.ty);
    if attributes.flatten {
        // The sample of a group is one of its fields by name.
        let sampled = attributes.sample.iter().map(
            |sample| quote!(let group = ::millrace_spec::derived::with_samples(group, &#sample);),
        );
        return Ok(Part {
            table: quote! {{
                let group = <#ty as ::millrace_spec::Spec>::fields();
                #(#sampled)*
                table.extend(group);
            }},
            read: quote! {
                let #ident = <#ty as ::millrace_spec::FieldGroup>::read_fields(fields, cx);
            },
        });
    }
    let spec = field_spec(field, &attributes)?;
    let lint = match &attributes.lint {
        None => quote!(None),
        Some(path) => quote!(Some(#path)),
    };
    let read = if attributes.optional && attributes.default.is_none() {
        quote! {
            let #ident = fields
                .read_optional::<#ty>(&#spec, #lint, cx)
                .map(Option::unwrap_or_default);
        }
    } else {
        quote!(let #ident = fields.read::<#ty>(&#spec, #lint, cx);)
    };
    Ok(Part {
        table: quote!(table.push(#spec);),
        read,
    })
}

/// The `FieldSpec` expression of a field.
fn field_spec(field: &Field, attributes: &FieldAttributes) -> syn::Result<TokenStream> {
    let ty = &field.ty;
    let ident = field
        .ident
        .as_ref()
        .ok_or_else(|| Error::new_spanned(field, "no name"))?;
    let name = match &attributes.rename {
        Some(name) => name.value(),
        None => ident.to_string().trim_start_matches("r#").to_owned(),
    };
    let kind = match &attributes.kind {
        Some(kind) => quote!(#kind),
        None => quote!(<#ty as ::millrace_spec::FieldType>::kind()),
    };
    let mut spec = quote! {
        ::millrace_spec::derived::field::<#ty>(#name, #kind)
    };
    let docs = docs(&field.attrs);
    if !docs.is_empty() {
        spec.extend(quote!(.describe(#docs)));
    }
    if let Some(default) = &attributes.default {
        spec.extend(quote!(.default(#default)));
    }
    let flags = [
        (attributes.optional, quote!(.optional())),
        (attributes.advanced, quote!(.advanced())),
        (attributes.deprecated, quote!(.deprecated())),
        (attributes.secret, quote!(.secret())),
    ];
    spec.extend(
        flags
            .into_iter()
            .filter(|(set, _)| *set)
            .map(|(_, call)| call),
    );
    if let Some(since) = &attributes.since {
        spec.extend(quote!(.since(#since)));
    }
    if let Some(reason) = &attributes.unsupported {
        spec.extend(quote!(.unsupported(#reason)));
    }
    spec.extend(
        attributes
            .aliases
            .iter()
            .map(|alias| quote!(.alias(#alias))),
    );
    spec.extend(
        attributes
            .examples
            .iter()
            .map(|example| quote!(.example(#example))),
    );
    if let Some(sample) = &attributes.sample {
        spec.extend(quote!(.sample(#sample)));
    }
    if !attributes.options.is_empty() {
        let options = attributes
            .options
            .iter()
            .map(|(value, docs)| quote!((#value, #docs)));
        spec.extend(quote!(.options([#(#options),*])));
    }
    Ok(spec)
}
