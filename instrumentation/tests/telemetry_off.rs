//! On a zokio without telemetry there is nothing to serve, and that is said.

#![cfg(not(feature = "telemetry"))]

use zokio::runtime::Builder;
use zokio_instrumentation::{builder, init};

#[test]
fn starting_without_telemetry_is_an_error_that_names_the_feature() {
    if zokio::telemetry::is_enabled() {
        // Another member of the same build asks zokio for it.
        return;
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let builders = [
        builder().attach(runtime.handle()),
        builder().observe_self(true),
    ];
    for builder in builders {
        let error = builder.bind("127.0.0.1:0").start().unwrap_err();
        assert!(error.is_telemetry_off());
        assert!(error.to_string().contains("`telemetry`"), "{error}");
    }
    let error = runtime
        .block_on(async { init().into_result() })
        .unwrap_err();
    assert!(error.is_telemetry_off());
}
