//! Every function of the store has a contract test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the Rust files below a directory of the repository.
fn rust_sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    let mut found = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// Returns the names behind `pub async fn`, as the module's `name::function`.
fn public_functions(path: &Path, text: &str) -> Vec<String> {
    let module = path.file_stem().unwrap().to_str().unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub async fn "));
    let names = lines.map(|rest| rest.split(['(', '<']).next().unwrap());
    names.map(|name| format!("{module}::{name}")).collect()
}

#[test]
fn the_contract_tests_call_every_function_of_the_store() {
    let tests = rust_sources("tests/store");
    let called = |name: &String| {
        tests
            .iter()
            .any(|(_, text)| text.contains(&format!("{name}(")))
    };
    let all: BTreeSet<String> = rust_sources("src/store")
        .iter()
        .flat_map(|(path, text)| public_functions(path, text))
        .collect();
    assert!(all.len() > 40, "{all:?}");
    let missing: Vec<String> = all.into_iter().filter(|name| !called(name)).collect();
    assert!(missing.is_empty(), "tests/store does not call: {missing:?}");
}
