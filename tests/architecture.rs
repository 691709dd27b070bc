//! The house rules that the compiler does not hold: which module imports which, and what nobody
//! does outside the one place for it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What everybody may import: it imports nothing itself.
const LOWEST: [&str; 4] = ["clock", "domain", "exit_code", "process"];

/// What each module of `src/` may import beyond [`LOWEST`]. An entry names only entries above it,
/// so there is no circle.
const LAYERS: [(&str, &[&str]); 12] = [
    ("config", &[]),
    ("store", &[]),
    ("bus", &[]),
    ("services", &["config", "store", "bus"]),
    ("sandbox", &[]),
    ("proxy", &[]),
    ("browser", &["sandbox", "proxy"]),
    ("vcs", &[]),
    ("mcp", &[]),
    ("claude", &["mcp"]),
    ("gateway", &["config", "store", "bus", "services", "proxy"]),
    (
        "workflow",
        &[
            "config", "store", "bus", "services", "sandbox", "proxy", "browser", "vcs", "mcp",
            "claude", "gateway",
        ],
    ),
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

    /// Returns the module of the crate that the file belongs to.
    fn module(&self) -> String {
        let first = self.path.iter().next().unwrap().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first).to_owned()
    }

    /// Returns how many `super::` lead from the file to the root of the crate.
    fn depth(&self) -> usize {
        let parts = self.path.iter().count();
        parts - usize::from(self.path.ends_with("mod.rs"))
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

/// Returns the modules of the crate that the code names by `prefix`, e.g. `crate::`: `a` and `b` in
/// `crate::a::x` and in `crate::{a::x, b::{y, z}}`.
fn named_after(prefix: &str, code: &str) -> BTreeSet<String> {
    let is_inner = |before: &str| before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if is_inner(&code[..at]) {
            continue;
        }
        let after = &code[at + prefix.len()..];
        match after.strip_prefix('{') {
            Some(group) => names.extend(items(group).map(first_name)),
            None => names.extend([first_name(after)]),
        }
    }
    names.remove("");
    names
}

/// Returns the items of a group of imports, up to the brace that closes it.
fn items(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let end = group.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth < 0
    });
    let mut depth = 0;
    group[..end.unwrap_or(group.len())].split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0 && c == ','
    })
}

fn first_name(path: &str) -> String {
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    path.trim_start().chars().take_while(is_name).collect()
}

fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let lowest = LOWEST.map(|module| (module, BTreeSet::new()));
    let layers = LAYERS.map(|(module, more)| {
        let imports = LOWEST.iter().chain(more).copied().collect();
        (module, imports)
    });
    lowest.into_iter().chain(layers).collect()
}

#[test]
fn the_table_has_no_circle_and_knows_every_module() {
    let mut above: BTreeSet<&str> = LOWEST.into();
    for (module, imports) in LAYERS {
        for import in imports {
            assert!(
                above.contains(import),
                "{module} imports {import}, which is not above it"
            );
        }
        above.insert(module);
    }
    let known: BTreeSet<String> = above.into_iter().map(str::to_owned).collect();
    let there: BTreeSet<String> = Source::below("src").iter().map(Source::module).collect();
    assert_eq!(&there - &BTreeSet::from(["lib".to_owned()]), known);
}

#[test]
fn imports_go_one_way() {
    let allowed = allowed();
    let mut wrong = Vec::new();
    for source in Source::below("src") {
        let module = source.module();
        let Some(may) = allowed.get(module.as_str()) else {
            continue;
        };
        let by_root = named_after("crate::", &source.code);
        let by_climbing = named_after(&"super::".repeat(source.depth()), &source.code);
        for import in &by_root | &by_climbing {
            let is_module = allowed.contains_key(import.as_str());
            if is_module && import != module && !may.contains(import.as_str()) {
                wrong.push(format!("src/{}: {import}", source.path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports against the direction:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_library_does_not_know_the_commands_and_the_commands_know_no_sql() {
    let commands = Source::below("commands");
    for source in &commands {
        let database = ["sqlx::", "sqlx!", "SELECT ", "INSERT INTO", "UPDATE "];
        for word in database {
            let found = source.code.contains(word);
            assert!(
                !found,
                "commands/{} reaches past the library: {word}",
                source.path.display()
            );
        }
        let outside = "#[path";
        assert!(
            !source.code.contains(outside),
            "commands/{} takes in a file of another place",
            source.path.display()
        );
    }
    for source in Source::below("src") {
        assert!(
            !source.code.contains("commands::"),
            "src/{} imports a command",
            source.path.display()
        );
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
    assert_eq!(places, [Path::new("process.rs")]);
    let in_commands = Source::below("commands");
    let places: Vec<_> = in_commands
        .iter()
        .filter(|s| starts(s))
        .map(|s| &s.path)
        .collect();
    assert!(places.is_empty(), "commands start processes: {places:?}");
}

#[test]
fn names_are_read_out_of_imports() {
    let code = "use crate::store::{a, b};\nuse crate::{domain::{x, y}, vcs, claude::z};\nlet mycrate::q = crate::bus::X;\npub(in crate::gateway) fn f() {}";
    let expected = ["bus", "claude", "domain", "gateway", "store", "vcs"];
    assert_eq!(
        named_after("crate::", code),
        expected.map(str::to_owned).into()
    );
    assert_eq!(
        without_comments("// use crate::x;\n  /// [`crate::y`]\na"),
        "a"
    );
}

#[test]
fn the_scripts_install_the_cli_that_the_product_was_tested_with() {
    use eklavya::claude::locate::{OLDEST, PINNED, TOO_NEW};
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
