//! The inside of `select!`.
//!
//! Purpose: parse the branches and write one future that polls them in turn, and one `match` that
//! runs the handler of the branch that won. The shape of the expansion, for two branches:
//!
//! ```text
//! {
//!     enum Output<T0, T1> { Branch0(T0), Branch1(T1), Disabled }
//!     let mut disabled = …;                            // from the preconditions
//!     let output = {
//!         let init0 = <expression>; let init1 = …;      // temporaries live on, as in any `let`
//!         let future0 = into_future(init0); …
//!         let mut future1 = pin!(future1); let mut future0 = pin!(future0);
//!         poll_fn(|cx| poll the branches that are not disabled, from `start` on).await
//!     };                                               // every future is dropped here
//!     match output { Output::Branch0(<pattern>) => <handler>, … Output::Disabled => <else> }
//! }
//! ```
//!
//! Three choices that are not obvious:
//!
//! * Whether a value matches its pattern must be known before the value is taken apart. The pattern
//!   stands in an arm whose guard notes the match and fails: guards see bindings by reference, so
//!   nothing is moved, whatever the pattern binds.
//! * The call that polls a branch carries the span of the user's expression: a leaf future with
//!   `#[track_caller]` sees the line of its branch, not that of the macro.
//! * The futures are pinned in reverse, so that they are dropped in the order they are written in.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, Pat, Token};

/// One bit a branch in the mask of disabled ones.
const MAX_BRANCHES: usize = 64;

/// Expands `[support path] branches`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    match syn::parse2::<Select>(input).and_then(|select| select.expand()) {
        Ok(tokens) => tokens,
        Err(error) => error.to_compile_error(),
    }
}

/// The path of `zokio::macros::support`, which every inner macro gets in brackets before the
/// user's tokens.
pub(crate) fn parse_support(input: ParseStream<'_>) -> Result<TokenStream, Error> {
    match input.parse()? {
        TokenTree::Group(path) => Ok(path.stream()),
        other => Err(Error::new(other.span(), "this macro is internal to zokio")),
    }
}

/// Takes `biased;` if it comes next.
pub(crate) fn parse_biased(input: ParseStream<'_>) -> Result<bool, Error> {
    let biased = input.peek2(Token![;])
        && input
            .fork()
            .parse::<Ident>()
            .is_ok_and(|ident| ident == "biased");
    if biased {
        input.parse::<Ident>()?;
        input.parse::<Token![;]>()?;
    }
    Ok(biased)
}

/// The user's expression, for the call that polls it: everything that is written with this span
/// belongs to the user's file and line.
pub(crate) fn user_span(expr: &Expr) -> Span {
    expr.span()
}

struct Select {
    support: TokenStream,
    biased: bool,
    branches: Vec<Branch>,
    otherwise: Option<TokenStream>,
}

struct Branch {
    pattern: Pat,
    future: Expr,
    precondition: Option<Expr>,
    handler: TokenStream,
}

impl Parse for Select {
    fn parse(input: ParseStream<'_>) -> Result<Select, Error> {
        let mut select = Select {
            support: parse_support(input)?,
            biased: parse_biased(input)?,
            branches: Vec::new(),
            otherwise: None,
        };
        while !input.is_empty() {
            if input.peek(Token![else]) {
                input.parse::<Token![else]>()?;
                input.parse::<Token![=>]>()?;
                select.otherwise = Some(parse_handler(input)?);
                if !input.is_empty() {
                    return Err(input.error("`else` must be the last branch of `select!`"));
                }
                break;
            }
            select.branches.push(input.parse()?);
        }
        Ok(select)
    }
}

impl Parse for Branch {
    fn parse(input: ParseStream<'_>) -> Result<Branch, Error> {
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        // `=>` begins with `=`, too.
        if input.peek(Token![=>]) {
            return Err(input.error("expected `=` and a future between pattern and handler"));
        }
        input.parse::<Token![=]>()?;
        let future = input.parse()?;
        let precondition = if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            input.parse::<Token![if]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        input.parse::<Token![=>]>()?;
        Ok(Branch {
            pattern,
            future,
            precondition,
            handler: parse_handler(input)?,
        })
    }
}

/// A handler and the comma after it. As in a `match`, a block needs no comma.
fn parse_handler(input: ParseStream<'_>) -> Result<TokenStream, Error> {
    if input.peek(syn::token::Brace) {
        // Passed on unparsed: the compiler will say what is wrong in it.
        let block: TokenTree = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        return Ok(block.into());
    }
    let handler: Expr = input.parse()?;
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(quote!(#handler))
}

impl Select {
    fn expand(&self) -> Result<TokenStream, Error> {
        match (self.branches.as_slice(), &self.otherwise) {
            ([], None) => {
                return Err(Error::new(
                    Span::call_site(),
                    "select! requires at least one branch.",
                ));
            }
            ([], Some(otherwise)) => return Ok(quote!(match () { () => #otherwise })),
            _ => {}
        }
        if let Some(extra) = self.branches.get(MAX_BRANCHES) {
            let message = format!("select! supports up to {MAX_BRANCHES} branches");
            return Err(Error::new_spanned(&extra.pattern, message));
        }

        let output = output_enum(self.branches.len());
        let preconditions = self.preconditions();
        let winner = self.winner();
        let arms = self.branches.iter().enumerate().map(|(index, branch)| {
            let Branch {
                pattern, handler, ..
            } = branch;
            let variant = variant(index);
            quote!(__ZokioSelectOutput::#variant(#pattern) => #handler,)
        });
        let otherwise = self.otherwise.clone().unwrap_or_else(|| {
            quote!(::core::panic!(
                "all branches are disabled and there is no else branch"
            ))
        });
        Ok(quote_spanned! {Span::mixed_site()=>
            {
                #output
                #[allow(unused_mut)]
                let mut disabled: u64 = 0;
                #preconditions
                #[allow(unused_mut)]
                let mut output = #winner;
                match output {
                    #(#arms)*
                    __ZokioSelectOutput::Disabled => #otherwise,
                    #[allow(unreachable_patterns)]
                    _ => ::core::unreachable!("the pattern matched before and does not now"),
                }
            }
        })
    }

    fn preconditions(&self) -> TokenStream {
        let checks = self
            .branches
            .iter()
            .enumerate()
            .filter_map(|(index, branch)| {
                let precondition = branch.precondition.as_ref()?;
                let bit = 1_u64 << index;
                Some(quote_spanned! {Span::mixed_site()=>
                    #[allow(clippy::nonminimal_bool, clippy::overly_complex_bool_expr)]
                    if !{ #precondition } {
                        disabled |= #bit;
                    }
                })
            });
        quote!(#(#checks)*)
    }

    /// The block that polls until a branch has won or all are disabled.
    fn winner(&self) -> TokenStream {
        let Select { support, .. } = self;
        let count = self.branches.len() as u32;
        let (mut inits, mut futures, mut pins) = (Vec::new(), Vec::new(), Vec::new());
        for (index, branch) in self.branches.iter().enumerate() {
            let expr = &branch.future;
            let (init, future) = (local("init", index), local("future", index));
            inits.push(quote_spanned!(Span::mixed_site()=> let #init = #expr;));
            let span = user_span(expr).resolved_at(Span::mixed_site());
            futures.push(quote_spanned! {span=>
                let #future = #support::IntoFuture::into_future(#init);
            });
            pins.push(
                quote_spanned!(Span::mixed_site()=> let mut #future = ::core::pin::pin!(#future);),
            );
        }
        pins.reverse();
        let start = if self.biased {
            quote!(0)
        } else {
            quote!(#support::thread_rng_n(#count))
        };
        let polls = self
            .branches
            .iter()
            .enumerate()
            .map(|(index, b)| b.poll(index, support));
        quote_spanned! {Span::mixed_site()=> {
            #(#inits)*
            #(#futures)*
            #(#pins)*
            let poll = #support::poll_fn(|cx| {
                // A task without budget would only be sent from branch to branch.
                if #support::poll_budget_available(cx).is_pending() {
                    return #support::Poll::Pending;
                }
                let mut pending = false;
                let start: u32 = #start;
                for i in 0..#count {
                    #[allow(clippy::modulo_one)]
                    let branch = (start + i) % #count;
                    match branch {
                        #(#polls)*
                        _ => ::core::unreachable!("a remainder is smaller than its divisor"),
                    }
                }
                if pending {
                    #support::Poll::Pending
                } else {
                    #support::Poll::Ready(__ZokioSelectOutput::Disabled)
                }
            });
            let output = poll.await;
            output
        }}
    }
}

impl Branch {
    /// The arm of the polling loop for this branch.
    fn poll(&self, index: usize, support: &TokenStream) -> TokenStream {
        let (pattern, future, variant) = (&self.pattern, local("future", index), variant(index));
        let (number, bit) = (index as u32, 1_u64 << index);
        let call = poll_call("poll_branch", &self.future, &future);
        quote_spanned! {Span::mixed_site()=>
            #[allow(unreachable_code)]
            #number => {
                if disabled & #bit != 0 {
                    continue;
                }
                #[allow(unused_mut)]
                let mut out = match {
                    use #support::{AnyKind as _, MutKind as _, MutPinKind as _, PinKind as _};
                    let kind = (&&&#support::kind_of(&#future)).__zokio_kind();
                    kind.#call
                } {
                    #support::Poll::Ready(out) => out,
                    #support::Poll::Pending => {
                        pending = true;
                        continue;
                    }
                };
                disabled |= #bit;
                let mut matched = false;
                #[allow(unused_variables, unused_mut, unreachable_patterns, clippy::all)]
                match out {
                    #pattern if { matched = true; false } => ::core::unreachable!(),
                    _ => {}
                }
                if matched {
                    return #support::Poll::Ready(__ZokioSelectOutput::#variant(out));
                }
            }
        }
    }
}

/// `<function>(<future>.as_mut(), cx)`, called from the user's line.
pub(crate) fn poll_call(function: &str, expr: &Expr, future: &Ident) -> TokenStream {
    let function = Ident::new(function, user_span(expr));
    let mixed = Span::mixed_site();
    let cx = Ident::new("cx", mixed);
    let arguments = quote_spanned!(mixed=> #future.as_mut(), #cx);
    quote_spanned!(user_span(expr)=> #function(#arguments))
}

/// A local variable of the expansion, which the user's tokens cannot see.
pub(crate) fn local(name: &str, index: usize) -> Ident {
    Ident::new(&format!("{name}{index}"), Span::mixed_site())
}

fn variant(index: usize) -> Ident {
    format_ident!("Branch{index}")
}

fn output_enum(count: usize) -> TokenStream {
    let types: Vec<Ident> = (0..count).map(|i| format_ident!("T{i}")).collect();
    let variants = (0..count).map(variant);
    quote_spanned! {Span::mixed_site()=>
        #[allow(dead_code)]
        enum __ZokioSelectOutput<#(#types),*> {
            #(#variants(#types),)*
            Disabled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(branches: &str) -> String {
        let input = format!("[support] {branches}").parse().unwrap();
        super::expand(input)
            .to_string()
            .split_whitespace()
            .collect()
    }

    fn error(branches: &str) -> String {
        let input = format!("[support] {branches}").parse().unwrap();
        let Err(error) = syn::parse2::<Select>(input).and_then(|s| s.expand()) else {
            panic!("{branches} was accepted");
        };
        error.to_string()
    }

    fn parse(branches: &str) -> Select {
        syn::parse2(format!("[support] {branches}").parse().unwrap()).unwrap()
    }

    #[test]
    fn no_branch_is_an_error() {
        assert_eq!(error(""), "select! requires at least one branch.");
        assert_eq!(error("biased;"), "select! requires at least one branch.");
    }

    #[test]
    fn else_alone_is_its_handler() {
        assert_eq!(expand("else => 1 + 1,"), "match(){()=>1+1}");
        assert_eq!(expand("biased; else => { x }"), "match(){()=>{x}}");
    }

    #[test]
    fn else_must_be_last() {
        let message = error("else => 1, x = a => 2");
        assert_eq!(message, "`else` must be the last branch of `select!`");
    }

    #[test]
    fn sixty_four_branches_are_accepted_and_one_more_is_not() {
        let branches = |n| "_ = f() => {}".repeat(n);
        assert_eq!(parse(&branches(64)).branches.len(), 64);
        assert!(expand(&branches(64)).contains("Branch63"));
        assert_eq!(error(&branches(65)), "select! supports up to 64 branches");
    }

    #[test]
    fn only_the_word_biased_with_a_semicolon_is_the_mode() {
        assert!(parse("biased; _ = a => 1").biased);
        assert!(!parse("biased = a => 1").biased);
        assert!(expand("biased; _ = a => 1").contains("letstart:u32=0;"));
        assert!(
            expand("_ = a => 1, _ = b => 2").contains("letstart:u32=support::thread_rng_n(2u32);")
        );
    }

    #[test]
    fn blocks_need_no_comma_and_expressions_do() {
        assert_eq!(
            parse("_ = a => {} _ = b => {}, _ = c => f(1, 2), _ = d => g::<A, B>()")
                .branches
                .len(),
            4
        );
        assert!(error("_ = a => f() _ = b => {}").contains("expected `,`"));
    }

    #[test]
    fn preconditions_and_commas_inside_expressions_are_told_apart() {
        let select = parse("Some(x) | Other(x) = f(a, b), if c || d => (x, 1), else => 0");
        assert_eq!(select.branches.len(), 1);
        assert!(select.branches[0].precondition.is_some());
        assert!(select.otherwise.is_some());
    }

    #[test]
    fn patterns_may_begin_with_a_bar_and_have_alternatives() {
        let select =
            parse("| Ok(x) | Err(x) = a => x, ref y @ 1..=3 = b => 0, [first, ..] = c => 1");
        assert_eq!(select.branches.len(), 3);
    }

    #[test]
    fn the_last_branch_needs_no_comma() {
        assert_eq!(parse("_ = a => f()").branches.len(), 1);
        assert!(parse("_ = a => 1, else => 2").otherwise.is_some());
        assert!(parse("_ = a => {} else => {}").otherwise.is_some());
    }

    #[test]
    fn a_block_is_passed_on_unparsed() {
        assert!(expand("_ = a => { let x = ; }").contains("=>{letx=;}"));
    }

    #[test]
    fn a_handler_that_continues_after_its_block_needs_parentheses() {
        assert_eq!(
            error("_ = a => {}.f(), _ = b => {}"),
            "expected one of: identifier, `::`, `<`, `_`, literal, `const`, `ref`, `mut`, `&`, parentheses, square brackets, `..`, `const`"
        );
    }

    #[test]
    fn what_stands_between_pattern_and_handler_is_checked() {
        assert!(error("x => 1").contains("expected `=`"));
        assert!(error("x = a").contains("expected `=>`"));
        assert!(error("x = a, => 1").contains("expected `if`"));
        assert!(error("x = a, if => 1").contains("expected an expression"));
        assert!(error("x = => 1").contains("expected an expression"));
        assert!(error("x = a =>").contains("expected an expression"));
    }

    #[test]
    fn a_precondition_is_negated_as_a_whole() {
        assert!(expand("_ = a, if b || c => 1").contains("if!{b||c}{disabled|=1u64;}"));
        assert!(!expand("_ = a => 1").contains("disabled|=1u64;}let"));
    }

    #[test]
    fn the_bit_of_each_branch_is_its_own() {
        let out = expand(&"_ = f(), if c => {}".repeat(64));
        for index in 0..64 {
            assert!(
                out.contains(&format!("disabled|={}u64;}}", 1_u64 << index)),
                "{index}"
            );
        }
    }

    #[test]
    fn nothing_in_an_expansion_is_unsafe() {
        assert!(!expand("Some(x) = a, if b => x, _ = c => 1, else => 2").contains("unsafe"));
    }

    #[test]
    fn without_the_path_in_front_it_is_refused() {
        let error = syn::parse2::<Select>("x = a => 1".parse().unwrap())
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "this macro is internal to zokio");
    }
}
