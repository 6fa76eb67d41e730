//! Doc comments and the words of `#[spec(…)]`.

use crate::literal::Constant;
use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Path, Token, parenthesized};

/// `#[spec(…)]` of a struct or enum.
#[derive(Default)]
pub struct TypeAttributes {
    pub component: Option<(TokenStream, LitStr)>,
    pub status: Option<LitStr>,
    pub since: Option<LitStr>,
    pub categories: Vec<LitStr>,
    pub examples: Vec<LitStr>,
    pub check: Option<Path>,
}

/// `#[spec(…)]` of a field or variant.
#[derive(Default)]
pub struct FieldAttributes {
    pub default: Option<TokenStream>,
    pub optional: bool,
    pub advanced: bool,
    pub deprecated: bool,
    pub secret: bool,
    pub flatten: bool,
    pub since: Option<LitStr>,
    pub rename: Option<LitStr>,
    pub aliases: Vec<LitStr>,
    pub options: Vec<(LitStr, LitStr)>,
    pub lint: Option<Path>,
    pub unsupported: Option<LitStr>,
    pub examples: Vec<TokenStream>,
    pub sample: Option<TokenStream>,
    pub kind: Option<Expr>,
}

impl TypeAttributes {
    pub fn parse(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|it| it.path().is_ident("spec")) {
            attribute.parse_nested_meta(|meta| found.word(&meta))?;
        }
        Ok(found)
    }

    fn word(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let name = meta.path.require_ident()?.to_string();
        match name.as_str() {
            "status" => self.status = Some(meta.value()?.parse()?),
            "since" => self.since = Some(meta.value()?.parse()?),
            "category" => self.categories.push(meta.value()?.parse()?),
            "example" => self.examples.push(meta.value()?.parse()?),
            "check" => self.check = Some(meta.value()?.parse()?),
            _ => {
                let kind = component_kind(&name).ok_or_else(|| {
                    meta.error(
                        "expected status, since, category, example, check, or the kind of a \
                         component such as `processor = \"name\"`",
                    )
                })?;
                self.component = Some((kind, meta.value()?.parse()?));
            }
        }
        Ok(())
    }

    /// The `About` expression.
    pub fn about(&self, docs: &str) -> syn::Result<TokenStream> {
        let component = match &self.component {
            None => quote!(None),
            Some((kind, name)) => quote!(Some((#kind, #name))),
        };
        let since = optional(self.since.as_ref());
        let status = match &self.status {
            None => quote!(Stable),
            Some(word) => match word.value().as_str() {
                "stable" => quote!(Stable),
                "beta" => quote!(Beta),
                "experimental" => quote!(Experimental),
                "deprecated" => quote!(Deprecated),
                _ => {
                    let reason = "expected stable, beta, experimental or deprecated";
                    return Err(syn::Error::new(word.span(), reason));
                }
            },
        };
        let Self {
            categories,
            examples,
            ..
        } = self;
        Ok(quote!(::millrace_spec::About {
            component: #component,
            description: #docs,
            status: ::millrace_spec::Status::#status,
            since: #since,
            categories: &[#(#categories),*],
            examples: &[#(#examples),*],
        }))
    }
}

impl FieldAttributes {
    pub fn parse(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|it| it.path().is_ident("spec")) {
            attribute.parse_nested_meta(|meta| found.word(&meta))?;
        }
        Ok(found)
    }

    fn word(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        match meta.path.require_ident()?.to_string().as_str() {
            "default" => self.default = Some(meta.value()?.parse::<Constant>()?.0),
            "optional" => self.optional = true,
            "advanced" => self.advanced = true,
            "deprecated" => self.deprecated = true,
            "secret" => self.secret = true,
            "flatten" => self.flatten = true,
            "since" => self.since = Some(meta.value()?.parse()?),
            "rename" => self.rename = Some(meta.value()?.parse()?),
            "alias" => self.aliases.push(meta.value()?.parse()?),
            "unsupported" => self.unsupported = Some(meta.value()?.parse()?),
            "lint" => self.lint = Some(meta.value()?.parse()?),
            "example" => self.examples.push(meta.value()?.parse::<Constant>()?.0),
            "sample" => self.sample = Some(meta.value()?.parse::<Constant>()?.0),
            "kind" => self.kind = Some(meta.value()?.parse()?),
            "options" => {
                let content;
                parenthesized!(content in meta.input);
                let options = Punctuated::<OptionWord, Token![,]>::parse_terminated(&content)?;
                self.options
                    .extend(options.into_iter().map(|it| (it.value, it.description)));
            }
            _ => {
                return Err(meta.error(
                    "expected default, optional, advanced, deprecated, secret, flatten, since, \
                     rename, alias, lint, unsupported, example, sample, kind or options",
                ));
            }
        }
        Ok(())
    }
}

/// `"value"` or `"value" = "description"`.
struct OptionWord {
    value: LitStr,
    description: LitStr,
}

impl Parse for OptionWord {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let value: LitStr = input.parse()?;
        let equals: Option<Token![=]> = input.parse()?;
        let description = match equals {
            Some(_) => input.parse()?,
            None => LitStr::new("", value.span()),
        };
        Ok(Self { value, description })
    }
}

/// The doc comment as one text, without the space after the slashes.
pub fn docs(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|it| it.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = &pair.value
        {
            let text = text.value();
            lines.extend(
                text.split('\n')
                    .map(|it| it.strip_prefix(' ').unwrap_or(it).to_owned()),
            );
        }
    }
    lines.join("\n").trim().to_owned()
}

/// `Some("…")` or `None` as tokens.
pub fn optional(text: Option<&LitStr>) -> TokenStream {
    text.map_or_else(|| quote!(None), |text| quote!(Some(#text)))
}

fn component_kind(word: &str) -> Option<TokenStream> {
    let variant = match word {
        "input" => quote!(Input),
        "buffer" => quote!(Buffer),
        "processor" => quote!(Processor),
        "output" => quote!(Output),
        "cache" => quote!(Cache),
        "rate_limit" => quote!(RateLimit),
        "scanner" => quote!(Scanner),
        "metrics" => quote!(Metrics),
        "tracer" => quote!(Tracer),
        _ => return None,
    };
    Some(quote!(::millrace_spec::ComponentKind::#variant))
}
