//! Under which name does the crate being compiled know zokio?
//!
//! An attribute macro has no `$crate`, and adoption is one line of the user's manifest,
//! `tokio = { package = "zokio" }`, so the name must be read there. The order of preference:
//!
//! 1. inside the package `zokio` itself (tests, examples, doctests): `zokio`;
//! 2. a dependency or development dependency whose package is `zokio`, required ones before
//!    optional ones, inherited ones (`workspace = true`) looked up in the workspace's manifest;
//! 3. whatever `zokio` is where the attribute stands: a crate that re-exports it, say, and otherwise
//!    the compiler's error names what is missing.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::toml::{self, Entry, Value};

const PACKAGE: &str = "zokio";

/// The path of zokio in the crate that is being compiled. It begins with `::` if it is known to be
/// that of a crate.
pub(crate) fn resolve() -> String {
    if env::var("CARGO_PKG_NAME").is_ok_and(|name| name == PACKAGE) {
        return path(Some(PACKAGE));
    }
    path(from_manifest().as_deref())
}

fn path(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("::{name}"),
        None => PACKAGE.to_owned(),
    }
}

fn from_manifest() -> Option<String> {
    let directory = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let manifest = read(&directory.join("Cargo.toml"))?;
    find(&manifest, || workspace_of(&directory, &manifest))
}

fn read(path: &Path) -> Option<Vec<Entry>> {
    Some(toml::scan(&fs::read_to_string(path).ok()?))
}

/// The manifest of the workspace that `directory`'s package belongs to.
fn workspace_of(directory: &Path, manifest: &[Entry]) -> Option<Vec<Entry>> {
    if let Some(Value::Str(root)) = lookup(manifest, &["package", "workspace"]) {
        return read(&directory.join(root).join("Cargo.toml"));
    }
    directory.ancestors().find_map(|dir| {
        read(&dir.join("Cargo.toml")).filter(|m| {
            m.iter()
                .any(|e| e.path.first().is_some_and(|key| key == "workspace"))
        })
    })
}

fn lookup<'m>(manifest: &'m [Entry], path: &[&str]) -> Option<&'m Value> {
    manifest.iter().find(|e| e.path == path).map(|e| &e.value)
}

/// A dependency as the manifest declares it, over the one or several entries that do so.
#[derive(Default)]
struct Dependency<'m> {
    name: &'m str,
    package: Option<&'m str>,
    inherited: bool,
    optional: bool,
}

fn find(manifest: &[Entry], workspace: impl FnOnce() -> Option<Vec<Entry>>) -> Option<String> {
    let dependencies = dependencies(manifest);
    let workspace = dependencies
        .iter()
        .any(|d| d.inherited)
        .then(workspace)
        .flatten();
    let is_zokio = |d: &&Dependency<'_>| {
        let inherited = workspace
            .as_deref()
            .filter(|_| d.inherited)
            .and_then(|manifest| {
                match lookup(manifest, &["workspace", "dependencies", d.name, "package"])? {
                    Value::Str(package) => Some(package.as_str()),
                    _ => None,
                }
            });
        d.package.or(inherited).unwrap_or(d.name) == PACKAGE
    };
    let mut found: Vec<_> = dependencies.iter().filter(is_zokio).collect();
    found.sort_by_key(|d| d.optional); // stable: the manifest's order otherwise
    found.first().map(|d| d.name.replace('-', "_"))
}

fn dependencies(manifest: &[Entry]) -> Vec<Dependency<'_>> {
    let mut dependencies: Vec<(&[String], Dependency<'_>)> = Vec::new();
    for entry in manifest {
        let Some(at) = dependency_table(&entry.path) else {
            continue;
        };
        let (key, fields) = entry.path.split_at(at + 1);
        let index = dependencies
            .iter()
            .position(|(k, _)| *k == key)
            .unwrap_or_else(|| {
                let name = key[at].as_str();
                dependencies.push((
                    key,
                    Dependency {
                        name,
                        ..Dependency::default()
                    },
                ));
                dependencies.len() - 1
            });
        let dependency = &mut dependencies[index].1;
        match (fields, &entry.value) {
            ([field], Value::Str(package)) if field == "package" => {
                dependency.package = Some(package)
            }
            ([field], Value::Bool(on)) if field == "workspace" => dependency.inherited = *on,
            ([field], Value::Bool(on)) if field == "optional" => dependency.optional = *on,
            _ => {}
        }
    }
    dependencies
        .into_iter()
        .map(|(_, dependency)| dependency)
        .collect()
}

/// The index in `path` of a dependency's name; `None` where the path is of something else.
fn dependency_table(path: &[String]) -> Option<usize> {
    let table = |key: &String| matches!(key.as_str(), "dependencies" | "dev-dependencies");
    let at = match path {
        [first, ..] if table(first) => 1,
        [first, _, third, ..] if first == "target" && table(third) => 3,
        _ => return None,
    };
    (path.len() > at).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(manifest: &str) -> Option<String> {
        find(&toml::scan(manifest), || None)
    }

    fn name_in_workspace(manifest: &str, workspace: &str) -> Option<String> {
        find(&toml::scan(manifest), || Some(toml::scan(workspace)))
    }

    #[test]
    fn a_crate_without_zokio_in_its_manifest_is_left_to_the_scope() {
        assert_eq!(
            path(name("[dependencies]\nfacade = \"1\"").as_deref()),
            "zokio"
        );
        assert_eq!(path(Some("tokio")), "::tokio");
    }

    #[test]
    fn a_plain_dependency_is_zokio() {
        assert_eq!(
            name("[dependencies]\nzokio = \"0.1\"").as_deref(),
            Some("zokio")
        );
        assert_eq!(
            name("[dev-dependencies.zokio]\npath = \"..\"").as_deref(),
            Some("zokio")
        );
    }

    #[test]
    fn a_renamed_dependency_is_found_in_every_notation() {
        for manifest in [
            "[dependencies]\ntokio = { package = \"zokio\", version = \"0.1\" }",
            "[dependencies.tokio]\nversion = \"0.1\"\npackage = \"zokio\"",
            "[dependencies]\ntokio.package = 'zokio'\ntokio.version = '0.1'",
            "[target.'cfg(unix)'.dependencies]\ntokio = { package = \"zokio\" }",
            "dependencies = { tokio = { package = \"zokio\" } }",
        ] {
            assert_eq!(name(manifest).as_deref(), Some("tokio"), "{manifest}");
        }
    }

    #[test]
    fn hyphens_become_underscores() {
        let manifest = "[dependencies]\nmy-tokio = { package = \"zokio\" }";
        assert_eq!(name(manifest).as_deref(), Some("my_tokio"));
    }

    #[test]
    fn the_real_tokio_is_not_taken_for_zokio() {
        let manifest = "[dependencies]\ntokio = \"1\"\nasync-rt = { package = \"zokio\" }";
        assert_eq!(name(manifest).as_deref(), Some("async_rt"));
        assert_eq!(name("[dependencies]\ntokio = \"1\""), None);
        assert_eq!(
            name("[dependencies]\nzokio = { package = \"other\" }"),
            None
        );
    }

    #[test]
    fn build_dependencies_do_not_count() {
        assert_eq!(name("[build-dependencies]\nzokio = \"0.1\""), None);
    }

    #[test]
    fn required_dependencies_go_before_optional_ones() {
        let manifest = "[dependencies]\na = { package = \"zokio\", optional = true }\nb = { package = \"zokio\" }";
        assert_eq!(name(manifest).as_deref(), Some("b"));
    }

    #[test]
    fn an_inherited_dependency_is_looked_up_in_the_workspace() {
        let workspace = "[workspace.dependencies]\ntokio = { package = \"zokio\", version = \"0.1\" }\nserde = \"1\"";
        for manifest in [
            "[dependencies]\nserde = { workspace = true }\ntokio = { workspace = true }",
            "[dependencies]\ntokio.workspace = true",
            "[dependencies.tokio]\nworkspace = true",
        ] {
            assert_eq!(
                name_in_workspace(manifest, workspace).as_deref(),
                Some("tokio")
            );
        }
        assert_eq!(
            name("[dependencies]\nzokio.workspace = true").as_deref(),
            Some("zokio")
        );
    }

    #[test]
    fn the_workspace_is_found_above_the_package() {
        let root = env::temp_dir().join(format!("zokio-crate-name-{}", std::process::id()));
        let member = root.join("members/one");
        fs::create_dir_all(&member).unwrap();
        fs::write(
            root.join("Cargo.toml"),
            "[workspace]\nmembers = []\n[workspace.dependencies]\nrt = { package = \"zokio\" }",
        )
        .unwrap();
        fs::write(
            member.join("Cargo.toml"),
            "[dependencies]\nrt.workspace = true",
        )
        .unwrap();

        let manifest = read(&member.join("Cargo.toml")).unwrap();
        let found = find(&manifest, || workspace_of(&member, &manifest));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.as_deref(), Some("rt"));
    }

    #[test]
    fn a_package_without_a_workspace_finds_none() {
        let manifest = "[dependencies]\ntokio.workspace = true";
        assert_eq!(
            name(manifest),
            None,
            "the workspace's manifest is not to be had"
        );
    }

    #[test]
    fn the_workspace_a_package_names_is_read_before_those_above() {
        let root = env::temp_dir().join(format!("zokio-named-root-{}", std::process::id()));
        fs::create_dir_all(root.join("far")).unwrap();
        fs::create_dir_all(root.join("one")).unwrap();
        let dependency = |name: &str| {
            format!("[workspace]\n[workspace.dependencies]\nrt = {{ package = \"{name}\" }}")
        };
        fs::write(root.join("Cargo.toml"), dependency("other")).unwrap();
        fs::write(root.join("far/Cargo.toml"), dependency("zokio")).unwrap();
        let manifest = "[package]\nworkspace = \"../far\"\n[dependencies]\nrt.workspace = true";
        let manifest = toml::scan(manifest);
        let found = find(&manifest, || workspace_of(&root.join("one"), &manifest));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.as_deref(), Some("rt"));
    }

    #[test]
    fn a_dependency_for_one_target_or_profile_counts() {
        let manifest = "[target.x86_64-unknown-linux-gnu.dev-dependencies.rt]\npackage = \"zokio\"";
        assert_eq!(name(manifest).as_deref(), Some("rt"));
    }

    #[test]
    fn the_word_zokio_elsewhere_does_not_count() {
        for manifest in [
            "[features]\nzokio = []",
            "[package]\nname = \"zokio\"",
            "# [dependencies]\n# zokio = \"1\"",
            "[package.metadata.dependencies]\nzokio = \"1\"",
        ] {
            assert_eq!(name(manifest), None, "{manifest}");
        }
    }
}
