//! Texts for people are in plain English (CONTRIBUTING.md).

use super::source::SourceFile;

/// Phrases that need a second reading. Each matches whole words in any case.
const BANNED_PHRASES: [&str; 14] = [
    "whoever",
    "nobody",
    "somebody",
    "anybody",
    "he who",
    "where there is none",
    "where none is there",
    "is there already",
    "goes on where",
    "it goes on",
    "mend",
    "mended",
    "put down",
    "what is asked for",
];

/// This file lists the phrases.
const EXEMPT: [&str; 1] = ["tests/architecture/english.rs"];

fn contains_phrase(line: &str, phrase: &str) -> bool {
    // "nobody" is a system user, and the audit trail keeps old names of events.
    let line = line
        .to_lowercase()
        .replace("\"nobody\"", "")
        .replace("nobody:", "")
        .replace("\"be put down\"", "");
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(phrase).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + phrase.len()..].chars().next();
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

fn texts() -> Vec<SourceFile> {
    let folders = [
        ("src", ".rs"),
        ("commands", ".rs"),
        ("tests", ".rs"),
        ("benches", ".rs"),
        ("docs", ".md"),
        ("templates", ""),
        ("man", ".1"),
        ("completions", ""),
        ("scripts", ""),
        ("docker", ""),
    ];
    let below = folders
        .iter()
        .flat_map(|(folder, suffix)| SourceFile::below(folder, suffix));
    let at_root = SourceFile::at_root(".md");
    below.chain(at_root).collect()
}

#[test]
fn no_text_contains_a_banned_phrase() {
    let mut found = Vec::new();
    for file in texts() {
        let path = file.path.display().to_string();
        if EXEMPT.contains(&path.as_str()) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let phrases = BANNED_PHRASES
                .iter()
                .filter(|phrase| contains_phrase(line, phrase));
            found.extend(phrases.map(|phrase| format!("{path}:{}: {phrase}", number + 1)));
        }
    }
    assert!(
        found.is_empty(),
        "{} places:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn phrases_are_whole_words() {
    assert!(contains_phrase("Mend it.", "mend"));
    assert!(!contains_phrase("we recommend it", "mend"));
    assert!(!contains_phrase("a fn nobody_knows", "nobody"));
}
