//! The checked-in code is what the example's schema generates.
//!
//! After a change of the schema, rewrite it with
//! `ZOKIO_REGENERATE=1 cargo test -p zokio-examples`.

use std::fs;
use std::path::Path;

const GENERATED: &str = "zokio.examples.hello.v1.rs";

#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().expect("a temporary directory");
    let descriptors =
        protox::compile(["hello.proto"], [root.join("proto")]).expect("the schema compiles");
    tonic_prost_build::configure()
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .out_dir(out.path())
        .compile_fds(descriptors)
        .expect("the schema generates code");
    let wanted = fs::read_to_string(out.path().join(GENERATED)).expect("the code is there");
    let path = root.join("src/generated").join(GENERATED);
    if std::env::var_os("ZOKIO_REGENERATE").is_some_and(|v| v == "1") {
        fs::write(&path, &wanted).expect("the generated file can be written");
    }
    let present = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        present == wanted,
        "{} is stale: run `ZOKIO_REGENERATE=1 cargo test -p zokio-examples` and check the result in",
        path.display()
    );
}
