//! The checked-in code is what the schema generates.
//!
//! After a change of the schema, rewrite it with
//! `ZOKIO_REGENERATE=1 cargo test -p zokio-console-proto`.

use std::fs;
use std::path::Path;

const PROTO: &str = "zokio/console/v1/console.proto";
const GENERATED: &str = "zokio.console.v1.rs";

fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors = protox::compile([PROTO], [root.join("proto")]).expect("the schema compiles");
    let out = tempfile::tempdir().expect("a temporary directory");
    tonic_prost_build::configure()
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .out_dir(out.path())
        .compile_fds(descriptors)
        .expect("the schema generates code");
    fs::read_to_string(out.path().join(GENERATED)).expect("the generated file is there")
}

#[test]
fn generated_code_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/generated")
        .join(GENERATED);
    let wanted = generate();
    if std::env::var_os("ZOKIO_REGENERATE").is_some_and(|v| v == "1") {
        fs::write(&path, &wanted).expect("the generated file can be written");
    }
    let present = fs::read_to_string(&path).unwrap_or_default();
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
