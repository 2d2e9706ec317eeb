//! The inside of `join!` and `try_join!`.
//!
//! Purpose: one future that polls all the given ones until every one is done, or, for `try_join!`,
//! until one has failed. Each poll begins with another future than the one before, so that none is
//! always first when the task's budget is short; `biased;` begins with the first one always.
//!
//! As in `select!`, the polling calls carry the spans of the user's expressions and the futures are
//! pinned in reverse, to be dropped in the order they are written in.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Token};

use crate::select::{local, parse_biased, parse_support, poll_call, user_span};

/// Which of the two macros is expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Join,
    TryJoin,
}

/// Expands `[support path] futures`.
pub(crate) fn expand(kind: Kind, input: TokenStream) -> TokenStream {
    match syn::parse2::<Join>(input) {
        Ok(join) => join.expand(kind),
        Err(error) => error.to_compile_error(),
    }
}

struct Join {
    support: TokenStream,
    biased: bool,
    futures: Vec<Expr>,
}

impl Parse for Join {
    fn parse(input: ParseStream<'_>) -> Result<Join, Error> {
        Ok(Join {
            support: parse_support(input)?,
            biased: parse_biased(input)?,
            futures: Punctuated::<Expr, Token![,]>::parse_terminated(input)?
                .into_iter()
                .collect(),
        })
    }
}

impl Join {
    fn expand(&self, kind: Kind) -> TokenStream {
        let Join {
            support, futures, ..
        } = self;
        if futures.is_empty() {
            return match kind {
                Kind::Join => quote!(async {}.await),
                Kind::TryJoin => quote!(async { ::core::result::Result::Ok(()) }.await),
            };
        }
        let count = futures.len() as u32;
        let names: Vec<_> = (0..futures.len())
            .map(|index| local("future", index))
            .collect();
        let lets = futures.iter().zip(&names).map(|(expr, name)| {
            let span = user_span(expr).resolved_at(Span::mixed_site());
            quote_spanned!(span=> let #name = #support::maybe_done(#expr);)
        });
        let pins = names.iter().rev().map(
            |name| quote_spanned!(Span::mixed_site()=> let mut #name = ::core::pin::pin!(#name);),
        );
        let polls = self.polls(kind);
        let advance = (!self.biased).then(|| {
            quote_spanned! {Span::mixed_site()=>
                #[allow(clippy::modulo_one)]
                { first = (first + 1) % #count; }
            }
        });
        let (poll_fn_name, done) = match kind {
            Kind::Join => (
                quote!(poll_branch),
                quote_spanned!(Span::mixed_site()=> (#(#support::take_output(#names.as_mut()),)*)),
            ),
            Kind::TryJoin => (
                quote!(poll_try_branch),
                quote_spanned! {Span::mixed_site()=>
                    ::core::result::Result::Ok((#(#support::take_ok(#names.as_mut()),)*))
                },
            ),
        };
        quote_spanned! {Span::mixed_site()=> {
            #(#lets)*
            #(#pins)*
            #[allow(unused_mut)]
            let mut first: u32 = 0;
            #[allow(unreachable_code, reason = "a branch may never end")]
            let poll = #support::poll_fn(|cx| {
                use #support::#poll_fn_name as __zokio_poll_branch;
                let mut pending = false;
                let start = first;
                #advance
                for i in 0..#count {
                    #[allow(clippy::modulo_one)]
                    let branch = (start + i) % #count;
                    match branch {
                        #polls
                        _ => ::core::unreachable!("a remainder is smaller than its divisor"),
                    }
                }
                if pending {
                    #support::Poll::Pending
                } else {
                    #support::Poll::Ready(#done)
                }
            });
            let output = poll.await;
            output
        }}
    }

    /// The arms of the polling loop.
    fn polls(&self, kind: Kind) -> TokenStream {
        let support = &self.support;
        let arms = self.futures.iter().enumerate().map(|(index, expr)| {
            let (number, name) = (index as u32, local("future", index));
            let call = poll_call("__zokio_poll_branch", expr, &name);
            match kind {
                Kind::Join => quote_spanned! {Span::mixed_site()=>
                    #number => pending |= #call.is_pending(),
                },
                Kind::TryJoin => quote_spanned! {Span::mixed_site()=>
                    #number => match #call {
                        #support::Poll::Ready(::core::result::Result::Ok(())) => {}
                        #support::Poll::Ready(::core::result::Result::Err(error)) => {
                            return #support::Poll::Ready(::core::result::Result::Err(error));
                        }
                        #support::Poll::Pending => pending = true,
                    },
                },
            }
        });
        quote!(#(#arms)*)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(kind: Kind, futures: &str) -> String {
        let input = format!("[support] {futures}").parse().unwrap();
        super::expand(kind, input)
            .to_string()
            .split_whitespace()
            .collect()
    }

    #[test]
    fn nothing_to_join_is_done_at_once() {
        assert_eq!(expand(Kind::Join, ""), "async{}.await");
        assert_eq!(expand(Kind::Join, "biased;"), "async{}.await");
        assert_eq!(
            expand(Kind::TryJoin, ""),
            "async{::core::result::Result::Ok(())}.await"
        );
    }

    #[test]
    fn only_the_unbiased_form_rotates() {
        let rotation = "first=(first+1)%2u32;";
        assert!(expand(Kind::Join, "a, b,").contains(rotation));
        assert!(!expand(Kind::Join, "biased; a, b").contains(rotation));
        assert!(expand(Kind::TryJoin, "a, b").contains(rotation));
    }

    #[test]
    fn what_is_not_an_expression_is_an_error() {
        assert!(expand(Kind::Join, "let x").contains("compile_error!"));
    }

    #[test]
    fn a_trailing_comma_is_no_future() {
        let outputs = |futures| expand(Kind::Join, futures).matches("take_output").count();
        assert_eq!(outputs("a, b,"), 2);
        assert_eq!(outputs("biased; a,"), 1);
        assert_eq!(outputs("a"), 1);
    }

    #[test]
    fn a_variable_called_biased_is_a_future() {
        let out = expand(Kind::Join, "biased, b");
        assert!(out.contains("maybe_done(biased)"), "{out}");
        assert!(out.contains("first=(first+1)"), "{out}");
    }

    #[test]
    fn a_comma_alone_and_two_commas_are_errors() {
        assert!(expand(Kind::Join, ",").contains("compile_error!"));
        assert!(expand(Kind::TryJoin, "a,, b").contains("compile_error!"));
    }

    #[test]
    fn a_hundred_futures_are_accepted() {
        let out = expand(Kind::TryJoin, &"f(), ".repeat(100));
        assert_eq!(out.matches("take_ok").count(), 100);
    }

    #[test]
    fn nothing_in_an_expansion_is_unsafe() {
        assert!(!expand(Kind::TryJoin, "a, b").contains("unsafe"));
    }
}
