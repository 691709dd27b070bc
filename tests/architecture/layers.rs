//! Which crates may depend on what, which may print, and which may contain SQL.

use std::fs;
use std::path::Path;

use super::source::{SourceFile, root};

/// The crates that only one crate of the workspace may depend on, and which one (`None` is the binary).
const HEAVY_DEPENDENCIES: [(&str, Option<&str>); 13] = [
    ("bollard", Some("sandbox")),
    ("clap", None),
    ("comfy-table", None),
    ("dialoguer", None),
    ("html5gum", Some("engine")),
    ("indicatif", None),
    ("jsonschema", Some("claude")),
    ("landlock", Some("sandbox")),
    ("redis", Some("services")),
    ("reqwest", Some("gateway")),
    ("seccompiler", Some("sandbox")),
    ("sqlx", Some("store")),
    ("tracing-subscriber", None),
];

/// Returns what the manifest of a crate lists under `[dependencies]`.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let table = text.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let table = table.split("\n[").next().unwrap_or_default();
    let names = table
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next());
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_heavy_dependency_belongs_to_one_crate() {
    let root = root();
    let mut crates = vec![(None, dependencies(&root.join("Cargo.toml")))];
    for entry in fs::read_dir(root.join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // Only tests depend on testkit, which needs the clients of the servers that it starts.
        if name == "testkit" {
            continue;
        }
        crates.push((Some(name), dependencies(&entry.path().join("Cargo.toml"))));
    }
    for (dependency, owner) in HEAVY_DEPENDENCIES {
        let uses = |(_, all): &&(_, Vec<String>)| all.iter().any(|name| name == dependency);
        let owners: Vec<_> = crates
            .iter()
            .filter(uses)
            .map(|(name, _)| name.as_deref())
            .collect();
        assert_eq!(owners, [owner], "{dependency}");
    }
}

#[test]
fn commands_contain_no_sql() {
    for source in SourceFile::below("commands", ".rs") {
        for word in ["sqlx::", "sqlx!", "SELECT ", "INSERT INTO", "UPDATE "] {
            let found = source.code().contains(word);
            let path = source.path.display();
            assert!(!found, "{path} reaches past the library: {word}");
        }
    }
}

/// Clippy denies the printing macros; this test covers direct writes to the streams.
#[test]
fn the_library_does_not_print() {
    for source in SourceFile::below("src", ".rs") {
        for stream in ["io::stdout()", "io::stderr()"] {
            let found = source.code().contains(stream);
            assert!(!found, "{} writes to {stream}", source.path.display());
        }
    }
}

#[test]
fn the_scripts_install_the_cli_that_the_product_was_tested_with() {
    use eklavya_claude::cli::locate::{
        FIRST_UNSUPPORTED_VERSION, OLDEST_SUPPORTED_VERSION, PINNED_VERSION,
    };
    let script = root().join("scripts/lib.sh");
    let script = fs::read_to_string(script).unwrap();
    let versions = [
        ("pinned", PINNED_VERSION),
        ("oldest", OLDEST_SUPPORTED_VERSION),
        ("too_new", FIRST_UNSUPPORTED_VERSION),
    ];
    for (name, version) in versions {
        let line = format!("\nclaude_{name}={version}\n");
        assert!(script.contains(&line), "scripts/lib.sh should have{line}");
    }
}

/// Only tests may leave out a protection layer of the sandbox, to show what the layer prevents.
#[test]
fn no_protection_layer_of_the_sandbox_is_left_out() {
    let is_own = |source: &SourceFile| source.path.starts_with("src/sandbox");
    let library = SourceFile::below("src", ".rs").into_iter();
    let library = library.filter(|source| !is_own(source));
    for source in library.chain(SourceFile::below("commands", ".rs")) {
        for word in ["ProtectionLayer::", ".without =", ".without."] {
            let path = source.path.display();
            assert!(!source.code().contains(word), "{path} contains {word}");
        }
    }
}
