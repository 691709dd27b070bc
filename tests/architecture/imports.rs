//! Which folders of a crate the code of a folder imports.

use std::collections::BTreeSet;
use std::path::Path;

use super::source::SourceFile;

/// The files that lie directly in the folder of a crate, except `lib.rs`.
pub const ROOT: &str = "(root)";
/// An item that only `lib.rs` has: a re-export. Code of the crate imports it from its own file.
const FACADE: &str = "lib.rs";
/// The unit tests of a crate that have files of their own.
const TESTS: &str = "tests";

/// Requires that each folder of the crate at `crate_root` imports only the folders that `table` lists
/// for it. A folder may list only folders above it, so the table has no circle. `lib.rs` and the tests
/// may import all of them.
pub fn assert_rooms(crate_root: &str, table: &[(&str, &[&str])]) {
    let mut violations = listed_out_of_order(table);
    let files = SourceFile::below(crate_root, ".rs");
    let root_modules = root_modules(crate_root, &files);
    for file in files {
        let below = file.path.strip_prefix(crate_root).unwrap();
        if below == Path::new(FACADE) || below.starts_with(TESTS) {
            continue;
        }
        let Some((room, allowed)) = find_room(below, table) else {
            violations.push(format!("{} is in no folder of the table", below.display()));
            continue;
        };
        for path in imported_paths(&file.code(), &module_path(below)) {
            let imported = room_of_path(&path, table, &root_modules);
            if imported != room && !allowed.contains(&imported) {
                let path = path.join("::");
                violations.push(format!("{} imports {path} of {imported}", below.display()));
            }
        }
    }
    assert!(
        violations.is_empty(),
        "{crate_root}:\n{}",
        violations.join("\n")
    );
}

fn listed_out_of_order(table: &[(&str, &[&str])]) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut wrong = Vec::new();
    for (room, allowed) in table {
        let unknown = allowed.iter().filter(|imported| !known.contains(*imported));
        wrong.extend(unknown.map(|imported| format!("{room} lists {imported}, which is below it")));
        known.insert(room);
    }
    wrong
}

/// Returns the deepest folder of the table that the file is in, and what it may import.
fn find_room<'a>(
    file: &Path,
    table: &'a [(&'a str, &'a [&'a str])],
) -> Option<(&'a str, &'a [&'a str])> {
    let folder = file.parent().unwrap();
    if folder == Path::new("") {
        return table.iter().find(|(room, _)| *room == ROOT).copied();
    }
    let containing = table.iter().filter(|(room, _)| folder.starts_with(room));
    containing.max_by_key(|(room, _)| room.len()).copied()
}

/// Returns the modules of the files that are directly in the folder of the crate.
fn root_modules(crate_root: &str, files: &[SourceFile]) -> BTreeSet<String> {
    let directly = files
        .iter()
        .filter(|file| file.path.parent() == Some(Path::new(crate_root)));
    directly
        .filter_map(|file| module_path(&file.path).pop())
        .collect()
}

/// Returns the folder of the table that a path from the root of the crate leads to.
fn room_of_path<'a>(
    path: &[String],
    table: &[(&'a str, &[&str])],
    root_modules: &BTreeSet<String>,
) -> &'a str {
    let joined = Path::new("").join(path.join("/"));
    let containing = table.iter().filter(|(room, _)| joined.starts_with(room));
    if let Some((room, _)) = containing.max_by_key(|(room, _)| room.len()) {
        return room;
    }
    if root_modules.contains(&path[0]) {
        return ROOT;
    }
    FACADE
}

/// Returns the module of a file: `a/b.rs` and `a/b/mod.rs` are both `a::b`.
fn module_path(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let parts = file.iter().map(|part| part.to_str().unwrap().to_owned());
    parts.filter(|part| part != "mod").collect()
}

/// Returns the paths that code of `module` names by `crate::` and `super::`, from the root of the
/// crate. A `super::` in an indented line belongs to a module inside the file.
fn imported_paths(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if !is_in_word(code, at) {
            expand(&code[at..], &[], &mut found);
        }
    }
    let crate_paths = found.into_iter().map(|path| path[1..].to_vec());
    let mut all: Vec<_> = crate_paths.collect();
    for line_start in line_starts(code) {
        let line = &code[line_start..];
        let Some(at) = import_start(line) else {
            continue;
        };
        let mut module = module.to_vec();
        if line.starts_with(' ') {
            module.push("inner".to_owned());
        }
        let mut paths = Vec::new();
        expand(&line[at..], &[], &mut paths);
        all.extend(paths.iter().map(|path| resolve(path, &module)));
    }
    all.retain(|path| !path.is_empty());
    all
}

fn line_starts(code: &str) -> impl Iterator<Item = usize> {
    let later = code.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(later)
}

/// Returns where the path of a line `use super::...` begins.
fn import_start(text: &str) -> Option<usize> {
    let line = text.lines().next()?;
    let at = line.find("use super::")?;
    let before = line[..at].trim();
    (before.is_empty() || before.starts_with("pub")).then_some(at + "use ".len())
}

fn is_in_word(code: &str, at: usize) -> bool {
    let before = code[..at].chars().next_back();
    before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
}

/// Appends `super::a::{b, c::d}` as `super::a::b` and `super::a::c::d`. Returns the length of the text
/// that it read.
fn expand(text: &str, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = 0;
    loop {
        let word: String = text[at..]
            .chars()
            .take_while(|letter| is_word(*letter))
            .collect();
        if !word.is_empty() {
            at += word.len();
            path.push(word);
        }
        if text[at..].starts_with("::{") {
            return at + 3 + expand_group(&text[at + 3..], &path, found);
        }
        if !text[at..].starts_with("::") {
            found.push(path);
            return at;
        }
        at += 2;
    }
}

fn expand_group(text: &str, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        match rest.chars().next() {
            None => return at,
            Some('}') => return at + 1,
            Some(letter) if is_word(letter) => at += expand(rest, prefix, found).max(1),
            Some(letter) => at += letter.len_utf8(),
        }
        // The new name of `a as b` is no path.
        if text[at..].starts_with(" as ") {
            at += text[at..].find([',', '}']).unwrap_or(0);
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Follows the `super`s at the start of a path in `module`.
fn resolve(path: &[String], module: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let kept = module.len().saturating_sub(supers);
    let names = path[supers..].iter().filter(|part| *part != "self");
    module[..kept].iter().chain(names).cloned().collect()
}

#[test]
fn imports_are_found() {
    let table: &[(&str, &[&str])] = &[("a", &[]), ("a/b", &[]), (ROOT, &[]), ("c", &[])];
    let root_modules = BTreeSet::from(["error".to_owned()]);
    let rooms = |code: &str, file: &str| {
        let paths = imported_paths(code, &module_path(Path::new(file)));
        let found = paths
            .iter()
            .map(|path| room_of_path(path, table, &root_modules));
        found.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(rooms("use crate::a::x::Y;\n", "c/d.rs"), "a");
    assert_eq!(
        rooms("use crate::{a::x, error::E};\n", "c/d.rs"),
        "a (root)"
    );
    assert_eq!(rooms("use crate::a::{b::x as z, y};\n", "c/d.rs"), "a/b a");
    assert_eq!(rooms("fn f() { crate::c::g(); }\n", "a/d.rs"), "c");
    assert_eq!(rooms("use crate::Facade;\n", "a/d.rs"), "lib.rs");
    assert_eq!(rooms("use other_crate::c::X;\n", "a/d.rs"), "");
    assert_eq!(rooms("use super::x;\n", "a/b/d.rs"), "a/b");
    assert_eq!(rooms("use super::x;\n", "a/b/mod.rs"), "a");
    assert_eq!(rooms("use super::super::error::E;\n", "a/d.rs"), "(root)");
    assert_eq!(rooms("use super::*;\n", "error.rs"), "");
    assert_eq!(rooms("mod tests {\n    use super::*;\n}\n", "a/d.rs"), "a");
}

#[test]
fn a_circle_in_a_table_is_reported() {
    let table: &[(&str, &[&str])] = &[("a", &["b"]), ("b", &["a"])];
    assert_eq!(listed_out_of_order(table), ["a lists b, which is below it"]);
}
