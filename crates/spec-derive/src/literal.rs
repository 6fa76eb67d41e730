//! Defaults and examples: `5`, `-1`, `"text"`, `["a", "b"]`, `{"key": 1}`, `null`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, Lit, LitStr, Token, braced, bracketed};

/// A constant, as the tokens of a `Literal` expression.
pub struct Constant(pub TokenStream);

impl Parse for Constant {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let tokens = if input.peek(syn::token::Bracket) {
            let content;
            bracketed!(content in input);
            let items = Punctuated::<Self, Token![,]>::parse_terminated(&content)?;
            let items = items.into_iter().map(|item| item.0);
            quote!(::millrace_spec::Literal::List(vec![#(#items),*]))
        } else if input.peek(syn::token::Brace) {
            let content;
            braced!(content in input);
            let entries = Punctuated::<Entry, Token![,]>::parse_terminated(&content)?;
            let keys = entries.iter().map(|entry| &entry.key);
            let values = entries.iter().map(|entry| &entry.value.0);
            quote!(::millrace_spec::Literal::Map(
                vec![#((#keys.into(), #values)),*]
            ))
        } else if input.peek(Ident) && !input.peek(syn::LitBool) {
            let word: Ident = input.parse()?;
            if word != "null" {
                return Err(syn::Error::new(word.span(), "expected a literal or `null`"));
            }
            quote!(::millrace_spec::Literal::Null)
        } else {
            scalar(input)?
        };
        Ok(Self(tokens))
    }
}

struct Entry {
    key: LitStr,
    value: Constant,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self {
            key,
            value: input.parse()?,
        })
    }
}

fn scalar(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let minus: Option<Token![-]> = input.parse()?;
    let literal: Lit = input.parse()?;
    Ok(match literal {
        Lit::Bool(it) if minus.is_none() => quote!(::millrace_spec::Literal::Bool(#it)),
        Lit::Str(it) if minus.is_none() => quote!(::millrace_spec::Literal::String(#it.into())),
        Lit::Int(it) => quote!(::millrace_spec::Literal::Int(#minus #it)),
        Lit::Float(it) => quote!(::millrace_spec::Literal::Float(#minus #it)),
        other => {
            return Err(syn::Error::new(
                other.span(),
                "not a value that a config can hold",
            ));
        }
    })
}
