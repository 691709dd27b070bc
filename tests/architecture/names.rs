//! A search for a type's name finds only that type: the name has two words or more, and no other
//! type of its crate shares it.

use std::collections::BTreeMap;

use super::source::SourceFile;

/// The share of types whose name is one word, in percent, that may not be exceeded. A domain has
/// entities whose name is one word (a plan, a task, an agent).
const MAX_ONE_WORD_PERCENT: usize = 10;

/// A type and the crate that defines it.
struct TypeDefinition {
    crate_name: String,
    name: String,
}

fn all_types() -> Vec<TypeDefinition> {
    let folders = ["src", "commands", "tests", "benches"];
    let files = folders
        .iter()
        .flat_map(|folder| SourceFile::below(folder, ".rs"));
    let of_file = |file: SourceFile| {
        let crate_name = file.crate_name();
        let names: Vec<_> = file.text.lines().filter_map(type_name).collect();
        names.into_iter().map(move |name| TypeDefinition {
            crate_name: crate_name.clone(),
            name,
        })
    };
    files.flat_map(of_file).collect()
}

/// Returns the name of the type that the line defines.
fn type_name(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().peekable();
    if words.peek().is_some_and(|word| word.starts_with("pub")) {
        words.next();
    }
    let keyword = words.next()?;
    // An associated type is named by its trait.
    let is_alias = keyword == "type" && !line.starts_with(' ');
    if !is_alias && !["struct", "enum", "trait", "union"].contains(&keyword) {
        return None;
    }
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    let name: String = words.next()?.chars().take_while(is_name).collect();
    name.starts_with(char::is_uppercase).then_some(name)
}

/// Returns the number of words: `MicroUsd` has two, `URL` one.
fn word_count(name: &str) -> usize {
    let letters: Vec<char> = name.chars().collect();
    let starts = letters.iter().enumerate().filter(|(at, letter)| {
        let after_lower = *at == 0 || !letters[at - 1].is_uppercase();
        letter.is_uppercase() && after_lower
    });
    starts.count()
}

#[test]
fn few_types_have_a_name_of_one_word() {
    let types = all_types();
    let one_word: Vec<_> = types
        .iter()
        .filter(|found| word_count(&found.name) == 1)
        .collect();
    let listed: Vec<_> = one_word
        .iter()
        .map(|found| format!("{}: {}", found.crate_name, found.name))
        .collect();
    assert!(
        one_word.len() * 100 <= types.len() * MAX_ONE_WORD_PERCENT,
        "{} of {} types have a name of one word:\n{}",
        one_word.len(),
        types.len(),
        listed.join("\n")
    );
}

#[test]
fn no_crate_uses_a_type_name_twice() {
    let mut counts = BTreeMap::new();
    for found in all_types() {
        *counts.entry((found.crate_name, found.name)).or_insert(0) += 1;
    }
    let repeated: Vec<_> = counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|((crate_name, name), count)| format!("{crate_name}: {name}, {count} times"))
        .collect();
    assert!(
        repeated.is_empty(),
        "repeated names:\n{}",
        repeated.join("\n")
    );
}

#[test]
fn types_and_words_are_counted() {
    assert_eq!(
        type_name("pub(crate) struct DataStore {").unwrap(),
        "DataStore"
    );
    assert_eq!(type_name("    enum Fault<'a> {").unwrap(), "Fault");
    assert_eq!(type_name("    type Value = u8;"), None);
    assert_eq!(type_name("fn structure() {}"), None);
    assert_eq!(
        [
            word_count("Task"),
            word_count("MicroUsd"),
            word_count("HTTPServer")
        ],
        [1, 2, 1]
    );
}
