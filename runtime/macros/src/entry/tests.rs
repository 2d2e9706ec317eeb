use super::*;

fn expand(kind: Kind, args: &str, item: &str) -> String {
    let name = || "::renamed".to_owned();
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
    let item = "/// Docs.\n#[inline] pub(crate) async fn run(n: u32) -> Result<(), E> { Ok(()) }";
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
            "No such runtime flavor `x`. The runtime flavors are `current_thread`, `local`, and `multi_thread`.",
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
            "Unknown attribute threads is specified; expected one of: `flavor`, `worker_threads`, `start_paused`, `crate`, `unhandled_panic`, `name`.",
        ),
        (
            "foo",
            "Unknown attribute foo is specified; expected one of: `flavor`, `worker_threads`, `start_paused`, `crate`, `unhandled_panic`, `name`.",
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
