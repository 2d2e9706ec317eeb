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

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Expr, ExprLit, Ident, Lit, Meta, Path, ReturnType, Signature, Token, Type,
    Visibility,
};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavor {
    CurrentThread,
    MultiThread,
}

impl Flavor {
    fn parse(name: &str) -> Result<Flavor, String> {
        match name {
            "current_thread" => Ok(Flavor::CurrentThread),
            "multi_thread" => Ok(Flavor::MultiThread),
            "single_thread" => {
                Err("The single threaded runtime flavor is called `current_thread`.".to_owned())
            }
            "basic_scheduler" => Err(
                "The `basic_scheduler` runtime flavor has been renamed to `current_thread`."
                    .to_owned(),
            ),
            "threaded_scheduler" => Err(
                "The `threaded_scheduler` runtime flavor has been renamed to `multi_thread`."
                    .to_owned(),
            ),
            _ => Err(format!(
                "No such runtime flavor `{name}`. The runtime flavors are `current_thread` and `multi_thread`."
            )),
        }
    }
}

/// Expands the attribute. `crate_name` is asked for zokio's name unless `crate = "…"` gives it.
pub(crate) fn expand(
    kind: Kind,
    args: TokenStream,
    item: TokenStream,
    crate_name: impl FnOnce() -> String,
) -> TokenStream {
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        // Not a function: keep the item for the compiler and the editor, add the error.
        Err(error) => return with_error(item, &error),
    };
    let default = Options::of(kind);
    let checked = function
        .check(kind)
        .and_then(|()| default.clone().parse(kind, args));
    match checked {
        Ok(options) => function.expand(kind, &options, crate_name),
        Err(error) => with_error(function.expand(kind, &default, crate_name), &error),
    }
}

fn with_error(mut tokens: TokenStream, error: &Error) -> TokenStream {
    tokens.extend(error.to_compile_error());
    tokens
}

/// What stands between the attribute's parentheses.
#[derive(Clone)]
struct Options {
    flavor: Flavor,
    worker_threads: Option<usize>,
    start_paused: Option<bool>,
    krate: Option<Path>,
}

const EXPECTED: &str = "expected one of: `flavor`, `worker_threads`, `start_paused`, `crate`";

impl Options {
    fn of(kind: Kind) -> Options {
        Options {
            flavor: kind.default_flavor(),
            worker_threads: None,
            start_paused: None,
            krate: None,
        }
    }

    fn parse(mut self, kind: Kind, args: TokenStream) -> Result<Options, Error> {
        let mut seen: Vec<(String, Span)> = Vec::new();
        for arg in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(args)? {
            let name = arg
                .path()
                .get_ident()
                .ok_or_else(|| Error::new_spanned(&arg, "Must have specified ident"))?
                .to_string();
            let value = match &arg {
                Meta::NameValue(pair) => match &pair.value {
                    Expr::Lit(ExprLit { lit, .. }) => lit,
                    other => return Err(Error::new_spanned(other, "Must be a literal")),
                },
                Meta::Path(path) => return Err(Error::new_spanned(path, bare_word(kind, &name))),
                Meta::List(list) => {
                    return Err(Error::new_spanned(
                        list,
                        "Unknown attribute inside the macro",
                    ));
                }
            };
            if seen.iter().any(|(other, _)| *other == name) {
                return Err(Error::new(
                    value.span(),
                    format!("`{name}` set multiple times."),
                ));
            }
            match name.as_str() {
                "flavor" => {
                    self.flavor = Flavor::parse(&string(value, &name)?)
                        .map_err(|message| Error::new(value.span(), message))?;
                }
                "worker_threads" => self.worker_threads = Some(worker_threads(value)?),
                "start_paused" => self.start_paused = Some(boolean(value, &name)?),
                "crate" => self.krate = Some(path(value, &name)?),
                "core_threads" => {
                    let message = "Attribute `core_threads` is renamed to `worker_threads`";
                    return Err(Error::new_spanned(&arg, message));
                }
                _ => {
                    let message = format!("Unknown attribute {name} is specified; {EXPECTED}");
                    return Err(Error::new_spanned(&arg, message));
                }
            }
            seen.push((name, value.span()));
        }
        self.check(kind, &seen)?;
        Ok(self)
    }

    /// Options that only one flavor knows.
    fn check(&self, kind: Kind, seen: &[(String, Span)]) -> Result<(), Error> {
        let (option, needed) = match self.flavor {
            Flavor::CurrentThread => ("worker_threads", "multi_thread"),
            Flavor::MultiThread => ("start_paused", "current_thread"),
        };
        match seen.iter().find(|(name, _)| name == option) {
            None => Ok(()),
            Some((_, span)) => Err(Error::new(
                *span,
                format!(
                    "The `{option}` option requires the `{needed}` runtime flavor. Use `#[{}(flavor = \"{needed}\")]`",
                    kind.attribute()
                ),
            )),
        }
    }
}

/// What to say to `#[zokio::main(word)]`.
fn bare_word(kind: Kind, word: &str) -> String {
    let flavor = match word {
        "threaded_scheduler" | "multi_thread" => "multi_thread",
        "basic_scheduler" | "current_thread" | "single_threaded" => "current_thread",
        "flavor" | "worker_threads" | "start_paused" | "crate" => {
            return format!("The `{word}` attribute requires an argument.");
        }
        _ => return format!("Unknown attribute {word} is specified; {EXPECTED}"),
    };
    format!(
        "Set the runtime flavor with #[{}(flavor = \"{flavor}\")].",
        kind.attribute()
    )
}

fn unparsable(lit: &Lit, field: &str, as_what: &str) -> Error {
    Error::new(
        lit.span(),
        format!("Failed to parse value of `{field}` as {as_what}"),
    )
}

fn string(lit: &Lit, field: &str) -> Result<String, Error> {
    match lit {
        Lit::Str(text) => Ok(text.value()),
        _ => Err(unparsable(lit, field, "string.")),
    }
}

fn boolean(lit: &Lit, field: &str) -> Result<bool, Error> {
    match lit {
        Lit::Bool(lit) => Ok(lit.value),
        _ => Err(unparsable(lit, field, "bool.")),
    }
}

fn path(lit: &Lit, field: &str) -> Result<Path, Error> {
    match lit {
        Lit::Str(text) => text
            .parse()
            .map_err(|_| unparsable(lit, field, &format!("path: \"{}\"", text.value()))),
        _ => Err(unparsable(lit, field, "path.")),
    }
}

fn worker_threads(lit: &Lit) -> Result<usize, Error> {
    let field = "worker_threads";
    let count = match lit {
        Lit::Int(count) => count
            .base10_parse::<usize>()
            .map_err(|error| unparsable(lit, field, &format!("integer: {error}")))?,
        _ => return Err(unparsable(lit, field, "integer.")),
    };
    if count == 0 {
        return Err(Error::new(lit.span(), "`worker_threads` may not be 0."));
    }
    Ok(count)
}

/// A function whose body has not been parsed.
struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Function, Error> {
        Ok(Function {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: match input.parse()? {
                TokenTree::Group(body) => body,
                other => return Err(Error::new(other.span(), "expected the function's body")),
            },
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
        crate_name: impl FnOnce() -> String,
    ) -> TokenStream {
        let Function {
            attributes,
            visibility,
            body,
            ..
        } = self;
        let mut signature = self.signature.clone();
        signature.asyncness = None;

        let krate = match &options.krate {
            Some(path) => quote!(#path),
            None => {
                let name = Ident::new(&crate_name(), Span::call_site());
                quote!(::#name)
            }
        };
        let constructor = match options.flavor {
            Flavor::CurrentThread => quote!(new_current_thread),
            Flavor::MultiThread => quote!(new_multi_thread),
        };
        let worker_threads = options.worker_threads.map(|n| quote!(.worker_threads(#n)));
        let start_paused = options.start_paused.map(|on| quote!(.start_paused(#on)));

        let header = (kind == Kind::Test && !attributes.iter().any(is_test))
            .then(|| quote!(#[::core::prelude::v1::test]));
        let statements = body.stream();
        let hint = self.output_hint();
        // One copy of `block_on` for all tests of a crate instead of one a test.
        let erased = (kind == Kind::Test).then(|| {
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
        let runner = quote_spanned! {Span::mixed_site()=>
            #erased
            #[allow(clippy::expect_used, clippy::diverging_sub_expression, clippy::needless_return)]
            {
                return #krate::runtime::Builder::#constructor()
                    #worker_threads
                    #start_paused
                    .enable_all()
                    .build()
                    .expect("Failed building the Runtime")
                    .#block_on;
            }
        };
        let body = quote_spanned! {braces=> let body = async { #hint #statements }; };
        quote! {
            #header
            #(#attributes)*
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
            return None;
        };
        // Neither can be the type of a variable.
        if matches!(**ty, Type::Never(_)) || mentions_impl(quote!(#ty)) {
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
mod tests {
    use super::*;

    fn expand(kind: Kind, args: &str, item: &str) -> String {
        let name = || "renamed".to_owned();
        super::expand(kind, args.parse().unwrap(), item.parse().unwrap(), name)
            .to_string()
            .split_whitespace()
            .collect()
    }

    const MAIN: &str = "async fn main() { work().await }";

    fn message(kind: Kind, args: &str, item: &str) -> String {
        let tokens: TokenStream =
            super::expand(kind, args.parse().unwrap(), item.parse().unwrap(), || {
                "zokio".to_owned()
            });
        let file: syn::File = syn::parse2(tokens).expect("the function stays beside the error");
        let errors: Vec<String> = file
            .items
            .iter()
            .filter_map(|item| match item {
                syn::Item::Macro(m) => m.mac.parse_body::<syn::LitStr>().ok().map(|s| s.value()),
                _ => None,
            })
            .collect();
        assert_eq!(file.items.len(), errors.len() + 1, "one function");
        assert!(errors.len() <= 1, "one error at most: {errors:?}");
        errors.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn main_defaults_to_many_threads_under_the_manifest_s_name() {
        let out = expand(Kind::Main, "", MAIN);
        assert!(
            out.contains("::renamed::runtime::Builder::new_multi_thread().enable_all().build()"),
            "{out}"
        );
        assert!(out.starts_with("fnmain(){"), "{out}");
        assert!(!out.contains("dyn"), "{out}");
    }

    #[test]
    fn test_defaults_to_one_thread_and_is_a_test() {
        let out = expand(Kind::Test, "", "async fn it_works() {}");
        assert!(
            out.starts_with("#[::core::prelude::v1::test]fnit_works()"),
            "{out}"
        );
        assert!(
            out.contains("Builder::new_current_thread().enable_all()"),
            "{out}"
        );
    }

    #[test]
    fn options_reach_the_builder() {
        let out = expand(
            Kind::Test,
            "flavor = \"multi_thread\", worker_threads = 3",
            "async fn t() {}",
        );
        assert!(
            out.contains("new_multi_thread().worker_threads(3usize).enable_all()"),
            "{out}"
        );
        let out = expand(
            Kind::Main,
            "flavor = \"current_thread\", start_paused = true,",
            MAIN,
        );
        assert!(
            out.contains("new_current_thread().start_paused(true).enable_all()"),
            "{out}"
        );
    }

    #[test]
    fn a_given_crate_path_wins() {
        let out = expand(Kind::Main, "crate = \"other::inner\"", MAIN);
        assert!(
            out.contains("returnother::inner::runtime::Builder"),
            "{out}"
        );
    }

    #[test]
    fn attributes_visibility_arguments_and_return_type_stay() {
        let item =
            "/// Docs.\n#[inline] pub(crate) async fn run(n: u32) -> Result<(), E> { Ok(()) }";
        let out = expand(Kind::Main, "", item);
        assert!(
            out.contains("#[inline]pub(crate)fnrun(n:u32)->Result<(),E>{"),
            "{out}"
        );
        assert!(out.contains("letoutput:Result<(),E>=loop{};"), "{out}");
    }

    #[test]
    fn return_types_that_no_variable_can_have_get_no_hint() {
        assert!(!expand(Kind::Main, "", "async fn main() -> ! { loop {} }").contains("letoutput"));
        let item = "async fn main() -> impl Termination { }";
        assert!(!expand(Kind::Main, "", item).contains("letoutput"));
    }

    #[test]
    fn misuse_is_answered_in_words() {
        let one = "requires the `current_thread` runtime flavor. Use `#[zokio::main(flavor = \"current_thread\")]`";
        let cases: &[(&str, &str)] = &[
            (
                "flavor = \"single_thread\"",
                "The single threaded runtime flavor is called `current_thread`.",
            ),
            (
                "flavor = \"basic_scheduler\"",
                "The `basic_scheduler` runtime flavor has been renamed to `current_thread`.",
            ),
            (
                "flavor = \"threaded_scheduler\"",
                "The `threaded_scheduler` runtime flavor has been renamed to `multi_thread`.",
            ),
            (
                "flavor = \"x\"",
                "No such runtime flavor `x`. The runtime flavors are `current_thread` and `multi_thread`.",
            ),
            ("flavor = 1", "Failed to parse value of `flavor` as string."),
            (
                "flavor = \"multi_thread\", flavor = \"multi_thread\"",
                "`flavor` set multiple times.",
            ),
            ("worker_threads = 0", "`worker_threads` may not be 0."),
            (
                "worker_threads = \"2\"",
                "Failed to parse value of `worker_threads` as integer.",
            ),
            (
                "worker_threads = 1, worker_threads = 2",
                "`worker_threads` set multiple times.",
            ),
            (
                "start_paused = 1, flavor = \"current_thread\"",
                "Failed to parse value of `start_paused` as bool.",
            ),
            (
                "start_paused = true",
                &format!("The `start_paused` option {one}"),
            ),
            ("crate = 4", "Failed to parse value of `crate` as path."),
            (
                "crate = \"a b\"",
                "Failed to parse value of `crate` as path: \"a b\"",
            ),
            (
                "crate = \"a\", crate = \"b\"",
                "`crate` set multiple times.",
            ),
            (
                "core_threads = 2",
                "Attribute `core_threads` is renamed to `worker_threads`",
            ),
            (
                "threads = 2",
                "Unknown attribute threads is specified; expected one of: `flavor`, `worker_threads`, `start_paused`, `crate`",
            ),
            (
                "foo",
                "Unknown attribute foo is specified; expected one of: `flavor`, `worker_threads`, `start_paused`, `crate`",
            ),
            ("foo(bar)", "Unknown attribute inside the macro"),
            ("a::b = 1", "Must have specified ident"),
            ("flavor = some()", "Must be a literal"),
            ("flavor", "The `flavor` attribute requires an argument."),
            (
                "multi_thread",
                "Set the runtime flavor with #[zokio::main(flavor = \"multi_thread\")].",
            ),
            (
                "basic_scheduler",
                "Set the runtime flavor with #[zokio::main(flavor = \"current_thread\")].",
            ),
        ];
        for (args, expected) in cases {
            assert_eq!(message(Kind::Main, args, MAIN), *expected, "{args}");
        }
        assert_eq!(message(Kind::Main, "", MAIN), "");
    }

    #[test]
    fn worker_threads_need_many_threads() {
        assert_eq!(
            message(Kind::Test, "worker_threads = 2", "async fn t() {}"),
            "The `worker_threads` option requires the `multi_thread` runtime flavor. Use `#[zokio::test(flavor = \"multi_thread\")]`"
        );
    }

    #[test]
    fn the_function_must_be_async() {
        let expected = "the `async` keyword is missing from the function declaration";
        assert_eq!(message(Kind::Main, "", "fn main() {}"), expected);
        assert_eq!(message(Kind::Test, "", "pub fn t() {}"), expected);
    }

    #[test]
    fn main_takes_no_arguments_but_other_functions_do() {
        let expected = "the main function cannot accept arguments";
        assert_eq!(message(Kind::Main, "", "async fn main(a: u8) {}"), expected);
        assert_eq!(message(Kind::Main, "", "async fn other(a: u8) {}"), "");
    }

    #[test]
    fn a_second_test_attribute_is_refused_and_not_doubled() {
        for attribute in [
            "#[test]",
            "#[::core::prelude::v1::test]",
            "#[std::prelude::rust_2024::test]",
        ] {
            let item = format!("{attribute} async fn t() {{}}");
            assert_eq!(
                message(Kind::Test, "", &item),
                "second test attribute is supplied, consider removing or changing the order of your test attributes"
            );
            assert_eq!(expand(Kind::Test, "", &item).matches("test]").count(), 1);
        }
    }

    #[test]
    fn what_is_not_a_function_is_kept_with_an_error() {
        let out = expand(Kind::Main, "", "struct S;");
        assert!(out.starts_with("structS;"), "{out}");
        assert!(out.contains("compile_error!"), "{out}");
    }
}
