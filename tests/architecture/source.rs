//! Source files, with and without their comments.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file that the rules are checked on.
pub struct SourceFile {
    /// Relative to the root of the repository.
    pub path: PathBuf,
    pub text: String,
}

impl SourceFile {
    /// Returns the files below a directory of the repository whose names end with `suffix`.
    pub fn below(directory: &str, suffix: &str) -> Vec<Self> {
        let mut found = Vec::new();
        collect(&root().join(directory), suffix, &mut found);
        assert!(!found.is_empty(), "{directory} has no {suffix} files");
        found
    }

    /// Returns the files in the root of the repository whose names end with `suffix`.
    pub fn at_root(suffix: &str) -> Vec<Self> {
        let entries = fs::read_dir(root())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let wanted = entries.filter(|path| path.to_str().unwrap().ends_with(suffix));
        wanted.map(|path| Self::read(&path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(root()).unwrap().to_owned();
        Self { path, text }
    }

    /// Returns the text without the lines that are comments.
    pub fn code(&self) -> String {
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        self.text
            .lines()
            .filter(is_code)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Returns the crate that the file belongs to: `src/<crate>`, or the first folder.
    pub fn crate_name(&self) -> String {
        let mut parts = self.path.iter().map(|part| part.to_str().unwrap());
        let first = parts.next().unwrap();
        match first {
            "src" | "tests" | "benches" => format!("{first}/{}", parts.next().unwrap()),
            _ => first.to_owned(),
        }
    }
}

/// Returns the root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(directory: &Path, suffix: &str, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, suffix, found);
        } else if path.to_str().unwrap().ends_with(suffix) {
            found.push(SourceFile::read(&path));
        }
    }
}
