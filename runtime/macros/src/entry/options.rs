//! What stands between the parentheses of `#[zokio::main(…)]` and `#[zokio::test(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, Meta, MetaNameValue, Path, Token};

use super::{Available, Kind};

/// Which runtime is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavor {
    CurrentThread,
    MultiThread,
    Local,
}

impl Flavor {
    fn parse(name: &str) -> Result<Flavor, String> {
        match name {
            "current_thread" => Ok(Flavor::CurrentThread),
            "multi_thread" => Ok(Flavor::MultiThread),
            "local" => Ok(Flavor::Local),
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
                "No such runtime flavor `{name}`. The runtime flavors are `current_thread`, `local`, and `multi_thread`."
            )),
        }
    }
}

/// What a panic in a task does to the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnhandledPanic {
    Ignore,
    ShutdownRuntime,
}

impl UnhandledPanic {
    fn parse(name: &str) -> Result<UnhandledPanic, String> {
        match name {
            "ignore" => Ok(UnhandledPanic::Ignore),
            "shutdown_runtime" => Ok(UnhandledPanic::ShutdownRuntime),
            _ => Err(format!(
                "No such unhandled panic behavior `{name}`. The unhandled panic behaviors are `ignore` and `shutdown_runtime`."
            )),
        }
    }
}

/// The options, or their defaults.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) krate: Option<Path>,
    flavor: Flavor,
    name: Option<String>,
    worker_threads: Option<usize>,
    start_paused: Option<bool>,
    unhandled_panic: Option<UnhandledPanic>,
}

const EXPECTED: &str = "expected one of: `flavor`, `worker_threads`, `start_paused`, `crate`, `unhandled_panic`, `name`.";

impl Options {
    /// The defaults, or what there is instead.
    pub(super) fn of(kind: Kind, available: Available) -> Options {
        Options {
            krate: None,
            flavor: match available {
                Available::All => kind.default_flavor(),
                Available::None | Available::OneThread => Flavor::CurrentThread,
            },
            name: None,
            worker_threads: None,
            start_paused: None,
            unhandled_panic: None,
        }
    }

    pub(super) fn parse(
        kind: Kind,
        args: TokenStream,
        available: Available,
    ) -> Result<Options, Error> {
        let mut options = Options::of(kind, Available::All);
        let mut seen: Vec<(String, Span)> = Vec::new();
        for arg in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(args)? {
            let pair = match &arg {
                Meta::NameValue(pair) => pair,
                Meta::Path(path) => {
                    return Err(Error::new_spanned(path, bare_word(kind, &option(path)?)));
                }
                Meta::List(_) => {
                    let message = "Unknown attribute inside the macro";
                    return Err(Error::new_spanned(&arg, message));
                }
            };
            let name = option(&pair.path)?;
            let value = match &pair.value {
                Expr::Lit(ExprLit { lit, .. }) => lit,
                other => return Err(Error::new_spanned(other, "Must be a literal")),
            };
            if seen.iter().any(|(other, _)| *other == name) {
                let message = format!("`{name}` set multiple times.");
                return Err(Error::new(value.span(), message));
            }
            options.set(&name, value, pair)?;
            seen.push((name, value.span()));
        }
        options.check(kind, &seen)?;
        if options.flavor == Flavor::MultiThread && available != Available::All {
            let message = if seen.iter().any(|(name, _)| name == "flavor") {
                "The runtime flavor `multi_thread` requires the `rt-multi-thread` feature."
            } else {
                "The default runtime flavor is `multi_thread`, but the `rt-multi-thread` feature is disabled."
            };
            return Err(Error::new(Span::call_site(), message));
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &Lit, pair: &MetaNameValue) -> Result<(), Error> {
        let at_value = |message| Error::new(value.span(), message);
        match name {
            "flavor" => {
                self.flavor = Flavor::parse(&string(value, name)?).map_err(at_value)?;
            }
            "worker_threads" => self.worker_threads = Some(worker_threads(value)?),
            "start_paused" => self.start_paused = Some(boolean(value, name)?),
            "crate" => self.krate = Some(path(value, name)?),
            "unhandled_panic" => {
                let behavior = UnhandledPanic::parse(&string(value, name)?);
                self.unhandled_panic = Some(behavior.map_err(at_value)?);
            }
            "name" => self.name = Some(string(value, name)?),
            "core_threads" => {
                let message = "Attribute `core_threads` is renamed to `worker_threads`";
                return Err(Error::new_spanned(pair, message));
            }
            _ => {
                let message = format!("Unknown attribute {name} is specified; {EXPECTED}");
                return Err(Error::new_spanned(pair, message));
            }
        }
        Ok(())
    }

    /// Options that not every flavor knows.
    fn check(&self, kind: Kind, seen: &[(String, Span)]) -> Result<(), Error> {
        let (unknown, needed): (&[&str], _) = match self.flavor {
            Flavor::CurrentThread | Flavor::Local => (&["worker_threads"], "multi_thread"),
            Flavor::MultiThread => (&["start_paused", "unhandled_panic"], "current_thread"),
        };
        match seen
            .iter()
            .find(|(name, _)| unknown.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((option, span)) => Err(Error::new(
                *span,
                format!(
                    "The `{option}` option requires the `{needed}` runtime flavor. Use `#[{}(flavor = \"{needed}\")]`",
                    kind.attribute()
                ),
            )),
        }
    }

    /// The expression that builds the runtime.
    pub(super) fn runtime(&self, krate: &TokenStream) -> TokenStream {
        let constructor = match self.flavor {
            Flavor::CurrentThread | Flavor::Local => quote!(new_current_thread),
            Flavor::MultiThread => quote!(new_multi_thread),
        };
        let worker_threads = self.worker_threads.map(|n| quote!(.worker_threads(#n)));
        let start_paused = self.start_paused.map(|on| quote!(.start_paused(#on)));
        let unhandled_panic = self.unhandled_panic.map(|behavior| {
            let behavior = match behavior {
                UnhandledPanic::Ignore => quote!(Ignore),
                UnhandledPanic::ShutdownRuntime => quote!(ShutdownRuntime),
            };
            quote!(.unhandled_panic(#krate::runtime::UnhandledPanic::#behavior))
        });
        let name = self.name.as_ref().map(|name| quote!(.name(#name)));
        let build = match self.flavor {
            Flavor::CurrentThread | Flavor::MultiThread => quote!(build()),
            Flavor::Local => quote!(build_local(::core::default::Default::default())),
        };
        quote! {
            #krate::runtime::Builder::#constructor()
                #worker_threads
                #start_paused
                #unhandled_panic
                #name
                .enable_all()
                .#build
        }
    }
}

/// The name of an option, however it is capitalised.
fn option(path: &Path) -> Result<String, Error> {
    match path.get_ident() {
        Some(ident) => Ok(ident.to_string().to_lowercase()),
        None => Err(Error::new_spanned(path, "Must have specified ident")),
    }
}

/// What to say to `#[zokio::main(word)]`.
fn bare_word(kind: Kind, word: &str) -> String {
    let flavor = match word {
        "threaded_scheduler" | "multi_thread" => "multi_thread",
        "basic_scheduler" | "current_thread" | "single_threaded" => "current_thread",
        "local" => "local",
        "flavor" | "worker_threads" | "start_paused" | "crate" | "unhandled_panic" | "name" => {
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
