//! `#[zokio::main]` and `#[zokio::test]`.
//!
//! Purpose: rewrite `async fn f() -> R { body }` into
//!
//! ```text
//! fn f() -> R {
//!     let body = async { body };
//!     return zokio::runtime::Builder::new_multi_thread()
//!         .enable_all().build().expect("Failed building the Runtime").block_on(body);
//! }
//! ```
//!
//! The function's body is passed on as it is, without being parsed, so that an editor still
//! completes inside a body that does not parse yet; and when the attribute is wrong, the function
//! is expanded with the defaults beside the error, so that there is one error and not twenty.
//! Inner attributes (`#![allow(…)]`, `//! …`) are the exception: a block may not begin with them, so
//! they are put in front of the function, where they mean the same.
//!
//! `options` reads what stands between the parentheses.

mod options;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    AttrStyle, Attribute, Error, Ident, Meta, Path, ReturnType, Signature, Type, Visibility,
};

use options::{Flavor, Options};

/// Which runtimes the features of zokio leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Available {
    /// Without `rt`.
    None,
    /// With `rt`, but without `rt-multi-thread`.
    OneThread,
    All,
}

/// Which of the two attributes is expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Main,
    Test,
}

impl Kind {
    fn attribute(self) -> &'static str {
        match self {
            Kind::Main => "zokio::main",
            Kind::Test => "zokio::test",
        }
    }

    fn default_flavor(self) -> Flavor {
        match self {
            Kind::Main => Flavor::MultiThread,
            Kind::Test => Flavor::CurrentThread,
        }
    }
}

/// Expands the attribute. `crate_path` is asked where zokio is unless `crate = "…"` says it.
pub(crate) fn expand(
    kind: Kind,
    args: TokenStream,
    item: TokenStream,
    available: Available,
    crate_path: impl FnOnce() -> String,
) -> TokenStream {
    if available == Available::None {
        let message = format!(
            "The #[{}] macro requires rt or rt-multi-thread.",
            kind.attribute()
        );
        return Error::new(Span::call_site(), message).to_compile_error();
    }
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        // Not a function: keep the item for the compiler and the editor, add the error.
        Err(error) => return with_error(item, &error),
    };
    match function
        .check(kind)
        .and_then(|()| Options::parse(kind, args, available))
    {
        Ok(options) => function.expand(kind, &options, crate_path),
        Err(error) => {
            let function = function.expand(kind, &Options::of(kind, available), crate_path);
            with_error(function, &error)
        }
    }
}

fn with_error(mut tokens: TokenStream, error: &Error) -> TokenStream {
    tokens.extend(error.to_compile_error());
    tokens
}

/// A function whose body has not been parsed.
struct Function {
    /// Those in front of the function, then those inside, all in the outer form.
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    /// The braces.
    body: Group,
    /// What stands between them, without inner attributes.
    statements: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Function, Error> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body = match input.parse()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => body,
            other => return Err(Error::new(other.span(), "expected the function's body")),
        };
        let parts = |input: ParseStream<'_>| {
            let inner = input.call(Attribute::parse_inner)?;
            Ok((inner, input.parse::<TokenStream>()?))
        };
        let (mut inner, statements) = parts.parse2(body.stream())?;
        for attribute in &mut inner {
            attribute.style = AttrStyle::Outer;
        }
        attributes.append(&mut inner);
        Ok(Function {
            attributes,
            visibility,
            signature,
            body,
            statements,
        })
    }
}

impl Function {
    fn check(&self, kind: Kind) -> Result<(), Error> {
        if self.signature.asyncness.is_none() {
            return Err(Error::new(
                self.signature.fn_token.span,
                "the `async` keyword is missing from the function declaration",
            ));
        }
        if kind == Kind::Main && self.signature.ident == "main" && !self.signature.inputs.is_empty()
        {
            return Err(Error::new_spanned(
                &self.signature.ident,
                "the main function cannot accept arguments",
            ));
        }
        if kind == Kind::Test
            && let Some(other) = self.attributes.iter().find(|a| is_test(a))
        {
            return Err(Error::new_spanned(
                other,
                "second test attribute is supplied, consider removing or changing the order of your test attributes",
            ));
        }
        Ok(())
    }

    fn expand(
        &self,
        kind: Kind,
        options: &Options,
        crate_path: impl FnOnce() -> String,
    ) -> TokenStream {
        let Function {
            attributes,
            visibility,
            body,
            statements,
            ..
        } = self;
        let mut signature = self.signature.clone();
        signature.asyncness = None;

        let krate = match &options.krate {
            Some(path) => quote!(#path),
            None => {
                let path: Path = syn::parse_str(&crate_path()).expect("a crate's name is a path");
                quote!(#path)
            }
        };
        let header = (kind == Kind::Test && !attributes.iter().any(is_test))
            .then(|| quote!(#[::core::prelude::v1::test]));
        let hint = self.output_hint();
        // One copy of `block_on` for all tests of a crate instead of one a test.
        let erased = (kind == Kind::Test && self.output_has_name()).then(|| {
            let output = match &signature.output {
                ReturnType::Default => quote!(()),
                ReturnType::Type(_, ty) => quote!(#ty),
            };
            quote_spanned! {Span::mixed_site()=>
                let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = #output>> =
                    ::core::pin::pin!(body);
            }
        });

        // `block_on`'s caller is what telemetry shows as the place of the root task: the function's
        // name, in the user's file.
        let body_name = Ident::new("body", Span::mixed_site());
        let block_on = quote_spanned!(signature.ident.span()=> block_on(#body_name));
        let braces = body.span().resolved_at(Span::mixed_site());
        let runtime = options.runtime(&krate);
        let runner = quote_spanned! {Span::mixed_site()=>
            #erased
            #[allow(
                clippy::expect_used,
                clippy::diverging_sub_expression,
                clippy::needless_return,
                clippy::unwrap_in_result
            )]
            {
                return #runtime
                    .expect("Failed building the Runtime")
                    .#block_on;
            }
        };
        let body = quote_spanned! {braces=> let body = async { #hint #statements }; };
        quote! {
            #(#attributes)*
            // After the user's: one that makes several tests of a function sees that it is one.
            #header
            #visibility #signature {
                #body
                #runner
            }
        }
    }

    /// A `return` of the function's type that is never reached: it tells the compiler what the
    /// `async` block returns before the body is looked at, so that `?`, coercions to trait objects
    /// and error messages work as in a plain `async fn`.
    fn output_hint(&self) -> Option<TokenStream> {
        let ReturnType::Type(_, ty) = &self.signature.output else {
            return Some(quote_spanned! {Span::mixed_site()=>
                #[allow(clippy::needless_return)]
                if false {
                    return;
                }
            });
        };
        if !self.output_has_name() {
            return None;
        }
        Some(quote_spanned! {Span::mixed_site()=>
            #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::empty_loop, clippy::needless_return)]
            if false {
                let output: #ty = loop {};
                return output;
            }
        })
    }

    /// Whether the return type can be that of a variable: `!` and `impl Trait` cannot.
    fn output_has_name(&self) -> bool {
        match &self.signature.output {
            ReturnType::Default => true,
            ReturnType::Type(_, ty) => {
                !matches!(**ty, Type::Never(_)) && !mentions_impl(quote!(#ty))
            }
        }
    }
}

fn mentions_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => mentions_impl(group.stream()),
        _ => false,
    })
}

/// Whether the attribute is `#[test]` or one of its longer names.
fn is_test(attribute: &Attribute) -> bool {
    let path = attribute.path();
    let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    matches!(attribute.meta, Meta::Path(_))
        && matches!(
            names.as_slice(),
            ["test"] | ["core" | "std", "prelude", _, "test"]
        )
}

#[cfg(test)]
mod tests;
