//! Diagnostics: commands that agents of diagnostic roles run by name, never by command line.

use serde::{Deserialize, Serialize};

/// A diagnostic that is available in every project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltInDiagnostic {
    pub name: &'static str,
    pub about: &'static str,
    /// The program and its arguments; no shell parses them.
    pub argv: &'static [&'static str],
}

/// The built-in diagnostics.
#[rustfmt::skip]
pub const BUILT_IN: &[BuiltInDiagnostic] = &[
    built_in("disk-use", "The size of each directory of the repository, in KiB", &["du", "-k", "--max-depth=2", "--", "."]),
    built_in("largest-files", "Every file of 1 MiB or more, with its size in bytes", &["find", ".", "-xdev", "-type", "f", "-size", "+1023k", "-not", "-path", "./.git/*", "-printf", "%s %p\\n"]),
    built_in("git-log", "The last 50 commits with a summary of their changes", &["git", "--no-pager", "log", "--no-color", "--no-ext-diff", "--no-textconv", "--date=iso-strict", "--format=%h %ad %an: %s", "--shortstat", "-n", "50"]),
    built_in("git-status", "The differences from the last commit", &["git", "--no-pager", "status", "--short", "--branch"]),
    built_in("git-fsck", "Checks the integrity of the history", &["git", "fsck", "--full", "--strict", "--no-progress"]),
    built_in("git-size", "The number and size of the objects in the history", &["git", "count-objects", "-v", "-H"]),
    built_in("dependencies", "The files that declare dependencies, and their first lines", &["find", ".", "-maxdepth", "4", "-type", "f", "-not", "-path", "*/node_modules/*", "-not", "-path", "./.git/*", "(", "-name", "Cargo.toml", "-o", "-name", "package.json", "-o", "-name", "requirements*.txt", "-o", "-name", "pyproject.toml", "-o", "-name", "go.mod", "-o", "-name", "Gemfile", "-o", "-name", "pom.xml", "-o", "-name", "composer.json", ")", "-print", "-exec", "head", "-c", "2000", "--", "{}", ";"]),
    built_in("machine", "The machine's load and memory", &["cat", "/proc/loadavg", "/proc/meminfo"]),
];

const fn built_in(
    name: &'static str,
    about: &'static str,
    argv: &'static [&'static str],
) -> BuiltInDiagnostic {
    BuiltInDiagnostic { name, about, argv }
}

/// A diagnostic that the plan defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDiagnostic {
    /// Lower-case letters, digits and hyphens.
    pub name: String,
    /// A shell command, run in the root of the repository.
    pub command: String,
}

const MAX: usize = 50;
const MAX_NAME: usize = 40;

pub fn find_problems(own: &[PlannedDiagnostic]) -> Vec<String> {
    let mut problems = Vec::new();
    if own.len() > MAX {
        let count = own.len();
        problems.push(format!("diagnostics has {count} items; at most {MAX}"));
    }
    for (place, diagnostic) in own.iter().enumerate() {
        let name = &diagnostic.name;
        if !is_name(name) {
            problems.push(format!(
                "diagnostics: {name:?} is not a name (lower-case letters, digits, hyphens; at most \
                 {MAX_NAME})"
            ));
        } else if BUILT_IN.iter().any(|built_in| built_in.name == name) {
            problems.push(format!(
                "diagnostics: {name} is a built-in diagnostic; choose another name"
            ));
        } else if own[..place].iter().any(|earlier| earlier.name == *name) {
            problems.push(format!("diagnostics: {name} is duplicated"));
        }
        if diagnostic.command.trim().is_empty() {
            problems.push(format!("diagnostic {name} has an empty command"));
        }
    }
    problems
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, command: &str) -> PlannedDiagnostic {
        PlannedDiagnostic {
            name: name.into(),
            command: command.into(),
        }
    }

    #[test]
    fn names_are_plain_and_unique() {
        assert!(find_problems(&[named("queue-length", "wc -l queue")]).is_empty());
        let wrong = [
            named("", "x"),
            named("-n", "x"),
            named("Queue", "x"),
            named("a b", "x"),
            named("disk-use", "x"),
            named("a", " "),
            named("a", "x"),
        ];
        insta::assert_snapshot!(find_problems(&wrong).join("\n"), @r#"
        diagnostics: "" is not a name (lower-case letters, digits, hyphens; at most 40)
        diagnostics: "-n" is not a name (lower-case letters, digits, hyphens; at most 40)
        diagnostics: "Queue" is not a name (lower-case letters, digits, hyphens; at most 40)
        diagnostics: "a b" is not a name (lower-case letters, digits, hyphens; at most 40)
        diagnostics: disk-use is a built-in diagnostic; choose another name
        diagnostic a has an empty command
        diagnostics: a is duplicated
        "#);
        let many: Vec<_> = (0..=MAX).map(|n| named(&n.to_string(), "x")).collect();
        assert_eq!(
            find_problems(&many),
            ["diagnostics has 51 items; at most 50"]
        );
    }

    #[test]
    fn built_in_names_are_valid_and_unique() {
        for (place, built_in) in BUILT_IN.iter().enumerate() {
            assert!(is_name(built_in.name), "{}", built_in.name);
            assert!(BUILT_IN[..place].iter().all(|b| b.name != built_in.name));
        }
    }
}
