//! What the environment says: `ZOKIO_CONSOLE` and the variables that begin with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::address::Address;
use crate::diagnosis::Thresholds;
use crate::error::{Error, Kind};
use crate::security::token::Token;

const SWITCH: &str = "ZOKIO_CONSOLE";
const SWITCH_VALUES: &str = "on, off or sigusr2";
const BIND: &str = "ZOKIO_CONSOLE_BIND";
const INTERVAL: &str = "ZOKIO_CONSOLE_PUBLISH_INTERVAL";
const STACKS: &str = "ZOKIO_CONSOLE_STACKS";
const THRESHOLDS: &str = "ZOKIO_CONSOLE_THRESHOLDS";
const FLIGHT_DIR: &str = "ZOKIO_CONSOLE_FLIGHT_DIR";
const FLIGHT_SIGUSR1: &str = "ZOKIO_CONSOLE_FLIGHT_SIGUSR1";
const TLS_CERT: &str = "ZOKIO_CONSOLE_TLS_CERT";
const TLS_KEY: &str = "ZOKIO_CONSOLE_TLS_KEY";
const CLIENT_CA: &str = "ZOKIO_CONSOLE_CLIENT_CA";
const TOKEN: &str = "ZOKIO_CONSOLE_TOKEN";
const TOKEN_FILE: &str = "ZOKIO_CONSOLE_TOKEN_FILE";
const CONTROL_TOKEN: &str = "ZOKIO_CONSOLE_CONTROL_TOKEN";
const CONTROL_TOKEN_FILE: &str = "ZOKIO_CONSOLE_CONTROL_TOKEN_FILE";

/// What was read. `None`: not said.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Settings {
    pub(crate) off: bool,
    /// Not before SIGUSR2 comes.
    pub(crate) on_sigusr2: bool,
    pub(crate) bind: Option<Address>,
    pub(crate) publish_interval: Option<Duration>,
    pub(crate) stacks: Option<bool>,
    pub(crate) thresholds: Option<Thresholds>,
    pub(crate) flight_dir: Option<PathBuf>,
    pub(crate) flight_on_sigusr1: Option<bool>,
    /// The files of the certificate and its key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) token: Option<Token>,
    pub(crate) control_token: Option<Token>,
}

impl Settings {
    /// Reads the process's environment.
    pub(crate) fn from_env() -> Result<Settings, Error> {
        Settings::from_vars(|name| std::env::var_os(name))
    }

    /// Reads variables through `var`. An empty one counts as not set, unless it is to protect.
    fn from_vars(var: impl Fn(&str) -> Option<OsString>) -> Result<Settings, Error> {
        let text = |name: &str, expected| match var(name) {
            None => Ok(None),
            Some(value) => match value.into_string() {
                Ok(text) => Ok(Some(text.trim().to_owned()).filter(|t| !t.is_empty())),
                // What is not text is not shown: it may be a secret.
                Err(_) => Err(Error::setting(name, "not UTF-8", expected)),
            },
        };
        let switch = text(SWITCH, SWITCH_VALUES)?;
        let on_sigusr2 = switch
            .as_ref()
            .is_some_and(|value| value.eq_ignore_ascii_case("sigusr2"));
        let off = match switch {
            Some(value) if !on_sigusr2 => !is_on_of(SWITCH, &value, SWITCH_VALUES)?,
            _ => false,
        };
        if off {
            // Whatever else is set does not matter, and must not fail.
            return Ok(Settings {
                off,
                ..Settings::default()
            });
        }
        let bind = text(BIND, "text")?
            .map(|t| Address::parse(BIND, &t))
            .transpose()?;
        let publish_interval = text(INTERVAL, "text")?
            .map(|t| parse_duration(INTERVAL, &t))
            .transpose()?;
        let stacks = text(STACKS, "on or off")?
            .map(|t| is_on(STACKS, &t))
            .transpose()?;
        let thresholds = text(THRESHOLDS, "text")?
            .map(|t| Thresholds::default().with(THRESHOLDS, &t))
            .transpose()?;
        let flight_on_sigusr1 = text(FLIGHT_SIGUSR1, "on or off")?
            .map(|t| is_on(FLIGHT_SIGUSR1, &t))
            .transpose()?;
        let flight_dir = var(FLIGHT_DIR).filter(|dir| !dir.is_empty());
        // Of these an empty one is a mistake (a secret that did not arrive), and must not lead to
        // serving without.
        let path = |name: &str| var(name).map(PathBuf::from);
        let token = |name: &str, file: &str| match (var(name), path(file)) {
            (None, None) => Ok(None),
            (Some(value), None) => Token::new(name, &value.to_string_lossy()).map(Some),
            (None, Some(path)) => Token::from_file(file, &path).map(Some),
            (Some(_), Some(path)) => Err(both_set(file, &path, name)),
        };
        Ok(Settings {
            off,
            on_sigusr2,
            bind,
            publish_interval,
            stacks,
            thresholds,
            flight_dir: flight_dir.map(PathBuf::from),
            flight_on_sigusr1,
            tls: tls_files(path(TLS_CERT), path(TLS_KEY))?,
            client_ca: path(CLIENT_CA),
            token: token(TOKEN, TOKEN_FILE)?,
            control_token: token(CONTROL_TOKEN, CONTROL_TOKEN_FILE)?,
        })
    }
}

fn both_set(file: &str, path: &Path, name: &str) -> Error {
    let expected = match name {
        CONTROL_TOKEN => "not to be set together with ZOKIO_CONSOLE_CONTROL_TOKEN",
        _ => "not to be set together with ZOKIO_CONSOLE_TOKEN",
    };
    Error::setting(file, path.to_string_lossy(), expected)
}

/// Both files or neither.
fn tls_files(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<(PathBuf, PathBuf)>, Error> {
    let half = |set: &str, missing: &str| {
        Err(Kind::Tls(format!("{set} is set, and {missing} is not")).into())
    };
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(_), None) => half(TLS_CERT, TLS_KEY),
        (None, Some(_)) => half(TLS_KEY, TLS_CERT),
    }
}

fn is_on(name: &str, value: &str) -> Result<bool, Error> {
    is_on_of(name, value, "on or off")
}

fn is_on_of(name: &str, value: &str, expected: &'static str) -> Result<bool, Error> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "1" | "true" | "yes" => Ok(true),
        "off" | "0" | "false" | "no" => Ok(false),
        _ => Err(Error::setting(name, value, expected)),
    }
}

/// Reads `250ms`, `1s`, `1.5s`, `2m`, `1h`.
pub(crate) fn parse_duration(name: &str, text: &str) -> Result<Duration, Error> {
    let wrong = || Error::setting(name, text, "a number and a unit such as 100ms, 1s or 2m");
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit.trim() {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::from_vars(|name| {
            vars.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).into())
        })
        .map_err(|e| e.to_string())
    }

    #[test]
    fn nothing_set_means_defaults() {
        assert_eq!(read(&[]), Ok(Settings::default()));
        assert_eq!(
            read(&[(SWITCH, ""), (BIND, " "), (INTERVAL, "")]),
            Ok(Settings::default())
        );
    }

    #[test]
    fn everything_set_is_read() {
        let set = [
            (SWITCH, "on"),
            (BIND, "unix:/tmp/x"),
            (INTERVAL, "250ms"),
            (STACKS, "off"),
            (THRESHOLDS, "slow-polls=20ms"),
            (FLIGHT_DIR, "/tmp/f"),
            (FLIGHT_SIGUSR1, "on"),
        ];
        let settings = read(&set).unwrap();
        assert_eq!(settings.flight_dir, Some("/tmp/f".into()));
        assert_eq!(settings.flight_on_sigusr1, Some(true));
        assert_eq!(settings.stacks, Some(false));
        let thresholds = settings.thresholds.unwrap();
        assert_eq!(thresholds.slow_poll, Duration::from_millis(20));
        assert_eq!(settings.bind, Some(Address::Unix("/tmp/x".into())));
        assert_eq!(settings.publish_interval, Some(Duration::from_millis(250)));
        assert!(!settings.off);
    }

    #[test]
    fn it_can_wait_for_a_signal() {
        let settings = read(&[(SWITCH, "SIGUSR2"), (INTERVAL, "250ms")]).unwrap();
        assert!(settings.on_sigusr2 && !settings.off);
        assert!(settings.publish_interval.is_some());
        assert!(!read(&[(SWITCH, "on")]).unwrap().on_sigusr2);
    }

    #[test]
    fn off_wins_over_nonsense_elsewhere() {
        for off in ["off", "OFF", "0", "false", "no"] {
            assert!(
                read(&[(SWITCH, off), (BIND, "nonsense")]).unwrap().off,
                "{off}"
            );
        }
    }

    #[test]
    fn tokens_come_from_the_variable_or_a_file_but_not_both() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "from-the-file-0123456789\n").unwrap();
        let path = file.path().to_str().unwrap();
        let token = |text| Some(Token::new("t", text).unwrap());
        let settings = read(&[
            (TOKEN, "from-the-variable-01234"),
            (CONTROL_TOKEN_FILE, path),
        ])
        .unwrap();
        assert_eq!(settings.token, token("from-the-variable-01234"));
        assert_eq!(settings.control_token, token("from-the-file-0123456789"));
        let error = read(&[(TOKEN, "from-the-variable-01234"), (TOKEN_FILE, path)]).unwrap_err();
        assert!(error.starts_with("ZOKIO_CONSOLE_TOKEN_FILE is"), "{error}");
        assert!(
            error.ends_with("together with ZOKIO_CONSOLE_TOKEN"),
            "{error}"
        );
        let error = read(&[(TOKEN, "")]).unwrap_err();
        assert!(error.starts_with("ZOKIO_CONSOLE_TOKEN is empty"), "{error}");
        let error = read(&[(TOKEN, "short")]).unwrap_err();
        assert!(
            error.starts_with("ZOKIO_CONSOLE_TOKEN is shorter") && !error.contains("\"short"),
            "{error}"
        );
    }

    #[test]
    fn half_of_tls_is_an_error() {
        let files = read(&[(TLS_CERT, "/c"), (TLS_KEY, "/k"), (CLIENT_CA, "/a")]).unwrap();
        assert_eq!(files.tls, Some(("/c".into(), "/k".into())));
        assert_eq!(files.client_ca, Some("/a".into()));
        let error = read(&[(TLS_CERT, "/c")]).unwrap_err();
        assert!(error.contains("ZOKIO_CONSOLE_TLS_KEY is not"), "{error}");
        let error = read(&[(TLS_KEY, "/k")]).unwrap_err();
        assert!(error.contains("ZOKIO_CONSOLE_TLS_CERT is not"), "{error}");
    }

    #[test]
    fn nonsense_is_named() {
        let error = read(&[(SWITCH, "maybe")]).unwrap_err();
        assert_eq!(
            error,
            "ZOKIO_CONSOLE is \"maybe\", expected on, off or sigusr2"
        );
        let error = read(&[(THRESHOLDS, "slow-polls=never")]).unwrap_err();
        assert!(
            error.starts_with("slow-polls in ZOKIO_CONSOLE_THRESHOLDS is \"never\""),
            "{error}"
        );
        let error = read(&[(INTERVAL, "fast")]).unwrap_err();
        assert!(
            error.starts_with("ZOKIO_CONSOLE_PUBLISH_INTERVAL is \"fast\""),
            "{error}"
        );
    }

    #[test]
    fn durations_need_a_unit_and_a_length() {
        let ms = |text| {
            parse_duration("x", text)
                .map(|d| d.as_secs_f64() * 1e3)
                .ok()
        };
        assert_eq!(ms("100ms"), Some(100.0));
        assert_eq!(ms("1.5s"), Some(1_500.0));
        assert_eq!(ms("2 m"), Some(120_000.0));
        assert_eq!(ms("1h"), Some(3_600_000.0));
        for wrong in [
            "100",
            "ms",
            "-1s",
            "0s",
            "1..5s",
            "1 fortnight",
            "9e99s",
            "99999999999999999999999h",
        ] {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }
}
