//! `init()` and the environment. Each scenario is a process of its own, since there is one server
//! and one environment a process; hence no test harness.

use std::process::Command;

use zokio::runtime::{Builder, Runtime};
use zokio_instrumentation::{Init, init};

const SCENARIO: &str = "ZOKIO_TEST_SCENARIO";

/// One of the files in `tests/certificates`.
#[cfg(feature = "tls")]
macro_rules! certificate {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/", $name)
    };
}

/// Name, environment, what the process does.
type Scenario = (&'static str, &'static [(&'static str, &'static str)], fn());

const SCENARIOS: &[Scenario] = &[
    (
        "a_second_runtime_joins_the_server_of_the_first",
        &[
            ("ZOKIO_CONSOLE_BIND", "127.0.0.1:0"),
            ("ZOKIO_CONSOLE_PUBLISH_INTERVAL", "250ms"),
        ],
        a_second_runtime_joins_the_server_of_the_first,
    ),
    #[cfg(unix)]
    (
        "a_signal_starts_the_server_of_a_running_program",
        &[
            ("ZOKIO_CONSOLE", "sigusr2"),
            ("ZOKIO_CONSOLE_BIND", "127.0.0.1:0"),
        ],
        a_signal_starts_the_server_of_a_running_program,
    ),
    #[cfg(unix)]
    (
        "runtimes_that_have_ended_are_not_kept_for_the_signal",
        &[("ZOKIO_CONSOLE", "sigusr2")],
        runtimes_that_have_ended_are_not_kept_for_the_signal,
    ),
    #[cfg(unix)]
    (
        "what_is_wrong_is_said_before_the_signal",
        &[
            ("ZOKIO_CONSOLE", "sigusr2"),
            ("ZOKIO_CONSOLE_TOKEN", "short"),
        ],
        what_is_wrong_is_said_before_the_signal,
    ),
    ("off_means_off", &[("ZOKIO_CONSOLE", "off")], off_means_off),
    (
        "nonsense_is_reported_and_survived",
        &[("ZOKIO_CONSOLE_BIND", "nonsense")],
        nonsense_is_reported_and_survived,
    ),
    (
        "outside_of_a_runtime_is_reported_and_survived",
        &[("ZOKIO_CONSOLE_BIND", "127.0.0.1:0")],
        outside_of_a_runtime_is_reported_and_survived,
    ),
    (
        "an_open_address_without_security_is_refused",
        &[("ZOKIO_CONSOLE_BIND", "0.0.0.0:0")],
        an_open_address_without_security_is_refused,
    ),
    (
        "an_empty_token_does_not_mean_none",
        &[
            ("ZOKIO_CONSOLE_BIND", "127.0.0.1:0"),
            ("ZOKIO_CONSOLE_TOKEN", ""),
        ],
        an_empty_token_does_not_mean_none,
    ),
    #[cfg(feature = "tls")]
    (
        "the_environment_can_secure_an_open_address",
        &[
            ("ZOKIO_CONSOLE_BIND", "0.0.0.0:0"),
            ("ZOKIO_CONSOLE_TLS_CERT", certificate!("server.pem")),
            ("ZOKIO_CONSOLE_TLS_KEY", certificate!("server.key")),
            ("ZOKIO_CONSOLE_CLIENT_CA", certificate!("ca.pem")),
            ("ZOKIO_CONSOLE_TOKEN", "read-token-0123456789abcdef"),
        ],
        the_environment_can_secure_an_open_address,
    ),
];

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn a_second_runtime_joins_the_server_of_the_first() {
    let (one, two) = (runtime(), runtime());
    let first = one.block_on(async { init() });
    let addr = first
        .addr()
        .and_then(|a| a.socket_addr())
        .expect("a server");
    assert_ne!(addr.port(), 0);
    std::net::TcpStream::connect(addr).expect("it listens");
    let second = two.block_on(async { init() });
    assert_eq!(second.addr(), first.addr());
}

#[cfg(unix)]
fn a_signal_starts_the_server_of_a_running_program() {
    use std::io::{Read as _, Write as _};

    let named = |name: &str| {
        let mut builder = Builder::new_multi_thread();
        let builder = builder.worker_threads(1).enable_all().name(name);
        builder.build().expect("a runtime")
    };
    let (one, two) = (named("one"), named("two"));
    for runtime in [&one, &two] {
        let result = runtime.block_on(async { init() });
        assert!(matches!(result, Init::Waiting), "{result:?}");
    }
    // A worker that is stuck does not matter.
    one.spawn(async {
        loop {
            std::thread::park();
        }
    });
    let process = std::process::id().to_string();
    let kill = Command::new("kill").args(["-USR2", &process]).status();
    assert!(kill.expect("kill runs").success());
    let address = loop {
        // The signal comes when the system sends it.
        match two.block_on(async { init() }) {
            Init::Serving(address) => break address,
            Init::Waiting => std::thread::yield_now(),
            other => panic!("{other:?}"),
        }
    };
    let address = address.socket_addr().expect("TCP");
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    let request = b"GET /metrics HTTP/1.0\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).expect("sent");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("a page");
    for label in ["runtime=\"one\"", "runtime=\"two\""] {
        assert!(page.contains(label), "{page}");
    }
    one.shutdown_background();
}

#[cfg(unix)]
fn runtimes_that_have_ended_are_not_kept_for_the_signal() {
    use std::sync::Arc;

    // The second is one of those that come while there is a list.
    for _ in 0..2 {
        let part = Arc::new(());
        let is_kept = Arc::downgrade(&part);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_start(move || drop(Arc::clone(&part)))
            .build()
            .expect("a runtime");
        let result = runtime.block_on(async { init() });
        assert!(matches!(result, Init::Waiting), "{result:?}");
        assert!(is_kept.upgrade().is_some());
        drop(runtime);
        assert!(is_kept.upgrade().is_none(), "the list keeps it");
    }
}

#[cfg(unix)]
fn what_is_wrong_is_said_before_the_signal() {
    let error = failure();
    assert!(error.contains("ZOKIO_CONSOLE_TOKEN"), "{error}");
}

fn off_means_off() {
    let result = runtime().block_on(async { init() });
    assert!(matches!(result, Init::Off), "{result:?}");
    assert!(result.into_result().expect("no failure").is_none());
}

fn nonsense_is_reported_and_survived() {
    let error = runtime()
        .block_on(async { init() })
        .into_result()
        .expect_err("a failure");
    assert!(error.is_setting());
    assert!(
        error
            .to_string()
            .starts_with("ZOKIO_CONSOLE_BIND is \"nonsense\""),
        "{error}"
    );
}

fn outside_of_a_runtime_is_reported_and_survived() {
    let error = init().into_result().expect_err("a failure");
    assert!(error.is_no_runtime(), "{error}");
    assert!(runtime().block_on(async { init() }).addr().is_some());
}

fn failure() -> String {
    let result = runtime().block_on(async { init() }).into_result();
    result.expect_err("a failure").to_string()
}

fn an_open_address_without_security_is_refused() {
    let error = failure();
    assert!(error.contains("lacks TLS and a token"), "{error}");
    assert!(error.contains("ZOKIO_CONSOLE_TLS_CERT"), "{error}");
}

fn an_empty_token_does_not_mean_none() {
    let error = failure();
    assert!(error.starts_with("ZOKIO_CONSOLE_TOKEN is empty"), "{error}");
}

#[cfg(feature = "tls")]
fn the_environment_can_secure_an_open_address() {
    let result = runtime().block_on(async { init() });
    let address = result.addr().expect("a server");
    assert!(address.to_string().starts_with("https://0.0.0.0:"));
}

fn main() {
    if let Ok(name) = std::env::var(SCENARIO) {
        let (_, _, run) = SCENARIOS
            .iter()
            .find(|(n, ..)| *n == name)
            .expect("a scenario");
        return run();
    }
    let exe = std::env::current_exe().expect("this program");
    for (name, env, _) in SCENARIOS {
        let mut child = Command::new(&exe);
        for variable in [
            "ZOKIO_CONSOLE",
            "ZOKIO_CONSOLE_BIND",
            "ZOKIO_CONSOLE_PUBLISH_INTERVAL",
            "ZOKIO_CONSOLE_TOKEN",
            "ZOKIO_CONSOLE_TOKEN_FILE",
            "ZOKIO_CONSOLE_CONTROL_TOKEN",
            "ZOKIO_CONSOLE_CONTROL_TOKEN_FILE",
            "ZOKIO_CONSOLE_TLS_CERT",
            "ZOKIO_CONSOLE_TLS_KEY",
            "ZOKIO_CONSOLE_CLIENT_CA",
        ] {
            child.env_remove(variable);
        }
        let status = child.env(SCENARIO, name).envs(env.iter().copied()).status();
        assert!(status.expect("the process runs").success(), "{name} failed");
    }
}
