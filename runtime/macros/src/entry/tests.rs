use super::*;

fn expand(kind: Kind, args: &str, item: &str) -> String {
    let name = || "::renamed".to_owned();
    super::expand(
        kind,
        args.parse().unwrap(),
        item.parse().unwrap(),
        Available::All,
        name,
    )
    .to_string()
    .split_whitespace()
    .collect()
}

const MAIN: &str = "async fn main() { work().await }";

fn message(kind: Kind, args: &str, item: &str) -> String {
    message_with(Available::All, kind, args, item)
}

fn message_with(available: Available, kind: Kind, args: &str, item: &str) -> String {
    let (args, item) = (args.parse().unwrap(), item.parse().unwrap());
    let tokens: TokenStream = super::expand(kind, args, item, available, || "zokio".to_owned());
    let file: syn::File = syn::parse2(tokens).expect("the function stays beside the error");
    let errors: Vec<String> = file
        .items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Macro(m) => m.mac.parse_body::<syn::LitStr>().ok().map(|s| s.value()),
            _ => None,
        })
        .collect();
    let functions = usize::from(available != Available::None);
    assert_eq!(file.items.len(), errors.len() + functions, "one function");
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
fn what_makes_it_a_test_comes_after_the_user_s_attributes() {
    let out = expand(Kind::Test, "", "#[test_case(1)] async fn f(n: u32) {}");
    assert!(
        out.starts_with("#[test_case(1)]#[::core::prelude::v1::test]fnf(n:u32)"),
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
fn a_function_without_a_return_type_is_told_so_inside() {
    let out = expand(Kind::Main, "", MAIN);
    assert!(
        out.contains(
            "letbody=async{#[allow(clippy::needless_return)]iffalse{return;}work().await};"
        ),
        "{out}"
    );
}

#[test]
fn return_types_that_no_variable_can_have_get_no_hint() {
    assert!(!expand(Kind::Main, "", "async fn main() -> ! { loop {} }").contains("letoutput"));
    let item = "async fn main() -> impl Termination { }";
    assert!(!expand(Kind::Main, "", item).contains("letoutput"));
}

/// One test a row: what the options are, and what is said about them.
macro_rules! misuse {
    ($($name:ident: $args:expr => $expected:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(message(Kind::Main, $args, MAIN), $expected);
        }
    )*};
}

const EXPECTED: &str = "is specified; expected one of: `flavor`, `worker_threads`, `start_paused`, `crate`, `unhandled_panic`, `name`.";
const FLAVORS: &str = "The runtime flavors are `current_thread`, `local`, and `multi_thread`.";

misuse! {
    no_options_are_no_misuse: "" => "";
    single_thread_is_called_otherwise: "flavor = \"single_thread\""
        => "The single threaded runtime flavor is called `current_thread`.";
    basic_scheduler_is_an_old_name: "flavor = \"basic_scheduler\""
        => "The `basic_scheduler` runtime flavor has been renamed to `current_thread`.";
    threaded_scheduler_is_an_old_name: "flavor = \"threaded_scheduler\""
        => "The `threaded_scheduler` runtime flavor has been renamed to `multi_thread`.";
    flavor_is_one_of_three: "flavor = \"x\"" => format!("No such runtime flavor `x`. {FLAVORS}");
    flavor_is_a_string: "flavor = 1" => "Failed to parse value of `flavor` as string.";
    flavor_is_set_once: "flavor = \"multi_thread\", flavor = \"multi_thread\""
        => "`flavor` set multiple times.";
    worker_threads_are_not_none: "worker_threads = 0" => "`worker_threads` may not be 0.";
    worker_threads_are_an_integer: "worker_threads = \"2\""
        => "Failed to parse value of `worker_threads` as integer.";
    worker_threads_fit_into_a_word: "worker_threads = 99999999999999999999"
        => "Failed to parse value of `worker_threads` as integer: number too large to fit in target type";
    worker_threads_are_set_once: "worker_threads = 1, worker_threads = 2"
        => "`worker_threads` set multiple times.";
    start_paused_is_a_bool: "start_paused = 1, flavor = \"current_thread\""
        => "Failed to parse value of `start_paused` as bool.";
    start_paused_is_set_once: "flavor = \"local\", start_paused = true, start_paused = true"
        => "`start_paused` set multiple times.";
    start_paused_needs_one_thread: "start_paused = true"
        => "The `start_paused` option requires the `current_thread` runtime flavor. Use `#[zokio::main(flavor = \"current_thread\")]`";
    start_paused_may_not_be_said_at_all_with_many_threads: "start_paused = false"
        => "The `start_paused` option requires the `current_thread` runtime flavor. Use `#[zokio::main(flavor = \"current_thread\")]`";
    unhandled_panic_needs_one_thread: "unhandled_panic = \"ignore\""
        => "The `unhandled_panic` option requires the `current_thread` runtime flavor. Use `#[zokio::main(flavor = \"current_thread\")]`";
    unhandled_panic_is_one_of_two: "flavor = \"local\", unhandled_panic = \"abort\""
        => "No such unhandled panic behavior `abort`. The unhandled panic behaviors are `ignore` and `shutdown_runtime`.";
    unhandled_panic_is_a_string: "unhandled_panic = true"
        => "Failed to parse value of `unhandled_panic` as string.";
    unhandled_panic_is_set_once: "unhandled_panic = \"ignore\", unhandled_panic = \"ignore\""
        => "`unhandled_panic` set multiple times.";
    name_is_a_string: "name = 4" => "Failed to parse value of `name` as string.";
    name_is_set_once: "name = \"a\", name = \"b\"" => "`name` set multiple times.";
    crate_is_a_string: "crate = 4" => "Failed to parse value of `crate` as path.";
    crate_is_a_path: "crate = \"a b\"" => "Failed to parse value of `crate` as path: \"a b\"";
    crate_is_set_once: "crate = \"a\", crate = \"b\"" => "`crate` set multiple times.";
    core_threads_is_an_old_name: "core_threads = 2"
        => "Attribute `core_threads` is renamed to `worker_threads`";
    unknown_options_are_answered_with_the_known_ones: "threads = 2"
        => format!("Unknown attribute threads {EXPECTED}");
    unknown_words_are_answered_with_the_known_options: "foo"
        => format!("Unknown attribute foo {EXPECTED}");
    lists_are_no_options: "foo(bar)" => "Unknown attribute inside the macro";
    paths_are_no_options: "a::b = 1" => "Must have specified ident";
    paths_are_no_words: "a::b" => "Must have specified ident";
    values_are_literals: "flavor = some()" => "Must be a literal";
    flavor_needs_a_value: "flavor" => "The `flavor` attribute requires an argument.";
    crate_needs_a_value: "crate" => "The `crate` attribute requires an argument.";
    name_needs_a_value: "name" => "The `name` attribute requires an argument.";
    unhandled_panic_needs_a_value: "unhandled_panic"
        => "The `unhandled_panic` attribute requires an argument.";
    a_flavor_is_not_a_word: "multi_thread"
        => "Set the runtime flavor with #[zokio::main(flavor = \"multi_thread\")].";
    an_old_flavor_is_not_a_word: "basic_scheduler"
        => "Set the runtime flavor with #[zokio::main(flavor = \"current_thread\")].";
    local_is_not_a_word: "local"
        => "Set the runtime flavor with #[zokio::main(flavor = \"local\")].";
    the_first_of_two_mistakes_is_answered: "worker_threads = 0, flavor = \"x\""
        => "`worker_threads` may not be 0.";
}

#[test]
fn a_flavor_of_one_thread_has_no_workers_to_count() {
    for flavor in ["current_thread", "local"] {
        assert_eq!(
            message(
                Kind::Main,
                &format!("worker_threads = 2, flavor = \"{flavor}\""),
                MAIN
            ),
            "The `worker_threads` option requires the `multi_thread` runtime flavor. Use `#[zokio::main(flavor = \"multi_thread\")]`"
        );
    }
}

#[test]
fn options_may_be_capitalised() {
    assert_eq!(
        message(
            Kind::Main,
            "Flavor = \"current_thread\", Start_Paused = true",
            MAIN
        ),
        ""
    );
    assert_eq!(
        message(Kind::Main, "flavor = \"local\", FLAVOR = \"local\"", MAIN),
        "`flavor` set multiple times."
    );
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

#[test]
fn a_local_runtime_is_built_with_the_default_options() {
    let out = expand(Kind::Main, "flavor = \"local\", start_paused = true", MAIN);
    let build = "new_current_thread().start_paused(true).enable_all().build_local(::core::default::Default::default())";
    assert!(out.contains(build), "{out}");
}

#[test]
fn the_name_reaches_the_builder() {
    let out = expand(Kind::Main, "name = \"front\"", MAIN);
    assert!(
        out.contains("new_multi_thread().name(\"front\").enable_all()"),
        "{out}"
    );
}

#[test]
fn what_panics_do_reaches_the_builder() {
    for (option, variant) in [
        ("ignore", "Ignore"),
        ("shutdown_runtime", "ShutdownRuntime"),
    ] {
        let out = expand(
            Kind::Test,
            &format!("unhandled_panic = \"{option}\""),
            "async fn t() {}",
        );
        let call = format!(".unhandled_panic(::renamed::runtime::UnhandledPanic::{variant})");
        assert!(out.contains(&call), "{out}");
    }
}

#[test]
fn inner_attributes_move_to_the_function() {
    let item = "#[inline] async fn main() { #![allow(unused)] //! Docs.\n work().await }";
    let out = expand(Kind::Main, "", item);
    assert!(
        out.starts_with("#[inline]#[allow(unused)]#[doc=\"Docs.\"]fnmain(){"),
        "{out}"
    );
    assert!(out.contains("iffalse{return;}work().await}"), "{out}");
}

#[test]
fn a_test_attribute_inside_of_the_function_is_a_second_one_too() {
    let message = message(Kind::Test, "", "async fn t() { #![test] }");
    assert!(
        message.starts_with("second test attribute is supplied"),
        "{message}"
    );
}

#[test]
fn attributes_that_end_in_test_are_not_taken_for_test() {
    for attribute in [
        "#[my::test]",
        "#[test_case]",
        "#[test(flag)]",
        "#[core::prelude::test]",
    ] {
        let item = format!("{attribute} async fn t() {{}}");
        assert_eq!(message(Kind::Test, "", &item), "", "{attribute}");
    }
}

#[test]
fn a_test_without_a_nameable_output_is_not_erased() {
    for output in ["!", "impl Termination", "Result<impl Sized, ()>"] {
        let out = expand(
            Kind::Test,
            "",
            &format!("async fn t() -> {output} {{ f() }}"),
        );
        assert!(!out.contains("dyn"), "{out}");
    }
    assert!(expand(Kind::Test, "", "async fn t() -> u8 { 1 }").contains("dyn"));
}

#[test]
fn qualifiers_and_where_clauses_stay() {
    let item = "pub async unsafe fn run<T>(t: T) -> T where T: Copy { t }";
    let out = expand(Kind::Main, "", item);
    assert!(
        out.contains("pubunsafefnrun<T>(t:T)->TwhereT:Copy{"),
        "{out}"
    );
}

#[test]
fn a_body_that_does_not_parse_is_passed_on() {
    let out = expand(Kind::Main, "", "async fn main() { let x = ; x. }");
    assert!(out.contains("iffalse{return;}letx=;x.}"), "{out}");
}

#[test]
fn the_function_stays_beside_an_error_with_its_defaults() {
    let out = expand(Kind::Main, "flavor = \"x\"", MAIN);
    assert!(
        out.contains("new_multi_thread().enable_all().build()"),
        "{out}"
    );
    assert!(out.contains("iffalse{return;}work().await}"), "{out}");
}

#[test]
fn options_that_are_not_options_are_the_parser_s_error() {
    assert_eq!(message(Kind::Main, "= 4", MAIN), "expected identifier");
    assert_eq!(
        message(Kind::Main, "flavor = \"local\" name", MAIN),
        "expected `,`"
    );
}

#[test]
fn a_declaration_without_a_body_is_refused() {
    let out = expand(Kind::Main, "", "async fn main();");
    assert!(out.starts_with("asyncfnmain();"), "{out}");
    assert!(out.contains("expectedthefunction'sbody"), "{out}");
}

#[test]
fn a_test_may_take_its_options_in_any_order() {
    let out = expand(
        Kind::Test,
        "worker_threads = 2, name = \"n\", flavor = \"multi_thread\", crate = \"c\",",
        "async fn t() {}",
    );
    assert!(
        out.contains("c::runtime::Builder::new_multi_thread().worker_threads(2usize).name(\"n\")"),
        "{out}"
    );
}

#[test]
fn without_a_runtime_there_is_no_entry() {
    let message = |kind| message_with(Available::None, kind, "", MAIN);
    assert_eq!(
        message(Kind::Main),
        "The #[zokio::main] macro requires rt or rt-multi-thread."
    );
    assert_eq!(
        message(Kind::Test),
        "The #[zokio::test] macro requires rt or rt-multi-thread."
    );
}

#[test]
fn with_one_thread_main_must_say_so() {
    let message = |kind, args| message_with(Available::OneThread, kind, args, MAIN);
    assert_eq!(
        message(Kind::Main, ""),
        "The default runtime flavor is `multi_thread`, but the `rt-multi-thread` feature is disabled."
    );
    assert_eq!(message(Kind::Main, "flavor = \"current_thread\""), "");
    assert_eq!(message(Kind::Main, "flavor = \"local\""), "");
    assert_eq!(message(Kind::Test, ""), "");
}

#[test]
fn with_one_thread_many_cannot_be_asked_for() {
    assert_eq!(
        message_with(
            Available::OneThread,
            Kind::Test,
            "flavor = \"multi_thread\"",
            MAIN
        ),
        "The runtime flavor `multi_thread` requires the `rt-multi-thread` feature."
    );
}
