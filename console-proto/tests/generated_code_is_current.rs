//! The checked-in code is what the schemas generate.
//!
//! After a change of a schema, rewrite it with
//! `ZOKIO_REGENERATE=1 cargo test -p zokio-console-proto`.

use std::fs;
use std::path::Path;

/// Generates from these files of a schema and compares, or rewrites, what came of each package.
fn check(protos: &[&str], packages: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors = protox::compile(protos, [root.join("proto")]).expect("the schema compiles");
    let out = tempfile::tempdir().expect("a temporary directory");
    tonic_prost_build::configure()
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .out_dir(out.path())
        .compile_fds(descriptors)
        .expect("the schema generates code");
    for package in packages {
        let name = format!("{package}.rs");
        let wanted =
            fs::read_to_string(out.path().join(&name)).expect("the generated file is there");
        check_file(&root.join("src/generated").join(name), &wanted);
    }
}

fn check_file(path: &Path, wanted: &str) {
    if std::env::var_os("ZOKIO_REGENERATE").is_some_and(|v| v == "1") {
        fs::write(path, wanted).expect("the generated file can be written");
    }
    let present = fs::read_to_string(path).unwrap_or_default();
    if present != wanted {
        let line = present
            .lines()
            .zip(wanted.lines())
            .position(|(a, b)| a != b)
            .unwrap_or_else(|| present.lines().count().min(wanted.lines().count()));
        panic!(
            "{} is stale from line {} on: run `ZOKIO_REGENERATE=1 cargo test -p \
             zokio-console-proto` and check the result in",
            path.display(),
            line + 1
        );
    }
}

#[test]
fn generated_code_is_current() {
    check(&["zokio/console/v1/console.proto"], &["zokio.console.v1"]);
}

#[test]
fn generated_code_of_tokio_console_is_current() {
    check(
        &[
            "rs/tokio/console/instrument.proto",
            "rs/tokio/console/trace.proto",
        ],
        &[
            "rs.tokio.console.async_ops",
            "rs.tokio.console.common",
            "rs.tokio.console.instrument",
            "rs.tokio.console.resources",
            "rs.tokio.console.tasks",
            "rs.tokio.console.trace",
        ],
    );
}
