//! Where the configuration file is looked for.

use std::ffi::OsString;
use std::path::PathBuf;

/// How a system keeps configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    /// `$XDG_CONFIG_HOME`, or `.config` at home.
    Xdg,
    Mac,
    Windows,
}

const HERE: System = if cfg!(windows) {
    System::Windows
} else if cfg!(target_os = "macos") {
    System::Mac
} else {
    System::Xdg
};

/// The usual place. None: the environment does not tell where home is.
pub(crate) fn default_path() -> Option<PathBuf> {
    path(HERE, |name| std::env::var_os(name))
}

fn path(system: System, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // As the XDG specification has it, a relative path is to be ignored.
    let folder = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.has_root())
    };
    let base = match system {
        System::Xdg => {
            folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?
        }
        System::Mac => folder("HOME")?.join("Library/Application Support"),
        System::Windows => folder("APPDATA")?,
    };
    Some(base.join("zokio-console").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(system: System, variables: &[(&str, &str)]) -> Option<PathBuf> {
        path(system, |name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(value.into())
        })
    }

    #[test]
    fn each_system_has_its_place() {
        let home = ("HOME", "/home/me");
        let at = |path: &str| Some(PathBuf::from(path));
        let xdg = found(System::Xdg, &[home]);
        assert_eq!(xdg, at("/home/me/.config/zokio-console/config.toml"));
        let moved = found(System::Xdg, &[home, ("XDG_CONFIG_HOME", "/etc/me")]);
        assert_eq!(moved, at("/etc/me/zokio-console/config.toml"));
        let relative = found(System::Xdg, &[home, ("XDG_CONFIG_HOME", "me")]);
        assert_eq!(relative, xdg);
        assert_eq!(
            found(System::Mac, &[home]),
            at("/home/me/Library/Application Support/zokio-console/config.toml")
        );
        assert_eq!(
            found(System::Windows, &[("APPDATA", "/roaming")]),
            at("/roaming/zokio-console/config.toml")
        );
        assert_eq!(found(System::Xdg, &[]), None);
        assert_eq!(found(System::Windows, &[home]), None);
    }
}
