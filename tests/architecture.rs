//! The rules of the layout that neither Cargo nor the compiler enforces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

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

/// The parts of a file that a rule is about.
struct Source {
    path: PathBuf,
    /// Without comments.
    code: String,
}

impl Source {
    /// Returns the files below a directory of the repository.
    fn below(directory: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let mut found = Vec::new();
        collect(&root, &root, &mut found);
        assert!(!found.is_empty(), "{directory} has no source files");
        found
    }
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let code = without_comments(&fs::read_to_string(&path).unwrap());
            let path = path.strip_prefix(root).unwrap().to_owned();
            found.push(Source { path, code });
        }
    }
}

fn without_comments(text: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut crates = vec![(None, dependencies(&root.join("Cargo.toml")))];
    for entry in fs::read_dir(root.join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
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
    for source in Source::below("commands") {
        for word in ["sqlx::", "sqlx!", "SELECT ", "INSERT INTO", "UPDATE "] {
            let found = source.code.contains(word);
            let path = source.path.display();
            assert!(!found, "commands/{path} reaches past the library: {word}");
        }
    }
}

#[test]
fn the_library_does_not_print() {
    let words = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    for source in Source::below("src") {
        let prints = words.iter().find(|word| {
            let found = source.code.match_indices(*word);
            found.into_iter().any(|(at, _)| {
                !source.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
            })
        });
        assert_eq!(prints, None, "src/{} prints", source.path.display());
        for stream in ["io::stdout()", "io::stderr()"] {
            let found = source.code.contains(stream);
            assert!(!found, "src/{} writes to {stream}", source.path.display());
        }
    }
}

#[test]
fn processes_are_started_in_one_place() {
    let starts = |source: &Source| source.code.contains("Command::new(");
    let in_library = Source::below("src");
    let places: Vec<_> = in_library
        .iter()
        .filter(|s| starts(s))
        .map(|s| &s.path)
        .collect();
    assert_eq!(places, [Path::new("core/process.rs")]);
    let in_commands = Source::below("commands");
    let places: Vec<_> = in_commands
        .iter()
        .filter(|s| starts(s))
        .map(|s| &s.path)
        .collect();
    assert!(places.is_empty(), "commands start processes: {places:?}");
}

#[test]
fn the_scripts_install_the_cli_that_the_product_was_tested_with() {
    use eklavya_claude::locate::{OLDEST, PINNED, TOO_NEW};
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib.sh");
    let script = fs::read_to_string(script).unwrap();
    let versions = [("pinned", PINNED), ("oldest", OLDEST), ("too_new", TOO_NEW)];
    for (name, version) in versions {
        let line = format!("\nclaude_{name}={version}\n");
        assert!(script.contains(&line), "scripts/lib.sh should have{line}");
    }
}

/// Guards of the sandbox are left out by tests, which show what each is good for, and by nobody
/// else.
#[test]
fn no_guard_of_the_sandbox_is_left_out() {
    let own = |source: &Source| source.path.starts_with("sandbox");
    let library = Source::below("src")
        .into_iter()
        .filter(|source| !own(source));
    for source in library.chain(Source::below("commands")) {
        for word in ["Guard::", ".without =", ".without."] {
            let path = source.path.display();
            assert!(!source.code.contains(word), "{path} says {word}");
        }
    }
}
