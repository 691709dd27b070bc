//! The folders of the engine import each other in one direction only.

use std::path::Path;

use super::source::SourceFile;

/// The folders with what each may import, the lowest first.
const ROOMS: &[(&str, &[&str])] = &[
    ("capacity", &[]),
    ("context", &["capacity"]),
    ("workspace", &["context"]),
    ("preview", &["context", "workspace"]),
    ("tools", &["context", "workspace", "preview"]),
    (
        "agent",
        &["capacity", "context", "workspace", "preview", "tools"],
    ),
    (
        "task",
        &["context", "workspace", "preview", "tools", "agent"],
    ),
    ("stages/delivery", &["context"]),
    ("stages", &["context", "preview", "task", "stages/delivery"]),
    ("lease", &["context", "workspace", "preview", "agent"]),
    ("jobs", &["capacity", "context", "lease", "stages"]),
    ("selftest", &["context", "tools", "agent"]),
];

#[test]
fn the_folders_of_the_engine_import_in_one_direction() {
    assert_rooms("src/engine", ROOMS);
}

/// Requires that the code of each folder names by `crate::` only the folders that `table` lists for
/// it. A folder may list only folders above it, so the table has no circle.
fn assert_rooms(folder: &str, table: &[(&str, &[&str])]) {
    let mut violations = Vec::new();
    for (index, (room, allowed)) in table.iter().enumerate() {
        let is_above = |name: &&str| table[..index].iter().any(|(above, _)| above == name);
        assert!(allowed.iter().all(|name| is_above(name)), "{room}");
    }
    for file in SourceFile::below(folder, ".rs") {
        let below = file.path.strip_prefix(folder).unwrap();
        let Some((room, allowed)) = find_room(below, table) else {
            assert_eq!(below, Path::new("lib.rs"), "is in no folder of the table");
            continue;
        };
        for path in crate_paths(&file.code()) {
            let imported = find_room(Path::new(&path), table).map(|(imported, _)| imported);
            if imported.is_none_or(|name| name != room && !allowed.contains(&name)) {
                violations.push(format!("{} imports {path}", below.display()));
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Returns the deepest folder of the table that contains the path.
fn find_room<'a>(
    path: &Path,
    table: &[(&'a str, &'a [&'a str])],
) -> Option<(&'a str, &'a [&'a str])> {
    let containing = table.iter().filter(|(room, _)| path.starts_with(room));
    containing.max_by_key(|(room, _)| room.len()).copied()
}

/// Returns the paths after `crate::`, with slashes; those of a group are listed one by one.
fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let named = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        };
        let named = named.iter().map(|path| path.trim_start());
        paths.extend(named.filter(|path| !path.is_empty()).map(first_path));
    }
    paths
}

fn first_path(text: &str) -> String {
    let is_path = |letter: &char| letter.is_alphanumeric() || ['_', ':'].contains(letter);
    let path: String = text.chars().take_while(is_path).collect();
    path.replace("::", "/")
}

#[test]
fn the_paths_of_imports_are_found() {
    let code = "use crate::tools;\nuse crate::{task::run, agent};\nlet a = crate::agent::run::b();";
    let found = crate_paths(code);
    assert_eq!(found, ["tools", "task/run", "agent", "agent/run/b"]);
}
