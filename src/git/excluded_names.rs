//! Names that must not become part of a commit.
//!
//! Git rejects every spelling of `.git` that some file system treats as equal (`verify_path` in
//! read-cache.c, `is_ntfs_dotgit` in path.c, `is_hfs_dotgit` in utf8.c), since a tree with one
//! would attack everyone who clones it. The same spellings are detected here first, to leave out
//! one file instead of failing on all.

use std::fmt;

use serde::Serialize;

/// Why a file of a work tree is not in the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ExclusionReason {
    /// The `.git` of a nested repository; the files beside it are recorded.
    NestedRepository,
    /// A spelling of `.git` that some file system treats as equal.
    GitName,
    /// `.gitmodules`: submodules are not supported.
    Submodules,
    /// A file for keys and passwords: `.env` and similar.
    EnvironmentFile,
    /// It contains a secret of the project or the installation.
    HoldsSecret,
    /// The file exceeds the limit. For this and all following reasons, the parent's version stays.
    TooLarge { bytes: u64, limit: u64 },
    /// A pipe, a socket or a device.
    SpecialFile,
    /// A directory that is nested too deep, or whose path is too long.
    TooDeep,
    /// A file or directory without read permission.
    Unreadable,
}

impl fmt::Display for ExclusionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExclusionReason::NestedRepository => f.write_str("the .git of a nested repository"),
            ExclusionReason::GitName => f.write_str("a name that some file system treats as .git"),
            ExclusionReason::Submodules => f.write_str("submodules are not supported"),
            ExclusionReason::EnvironmentFile => {
                f.write_str("files with this name are for keys and passwords")
            }
            ExclusionReason::HoldsSecret => f.write_str("it contains the value of a secret"),
            ExclusionReason::TooLarge { bytes, limit } => {
                write!(f, "{bytes} bytes, more than the limit of {limit}")
            }
            ExclusionReason::SpecialFile => f.write_str("a pipe, a socket or a device"),
            ExclusionReason::TooDeep => f.write_str("its path is too long"),
            ExclusionReason::Unreadable => f.write_str("it is not readable"),
        }
    }
}

impl ExclusionReason {
    /// Whether the parent's version of the file stays in the commit.
    pub(crate) fn keeps_parent_version(&self) -> bool {
        match self {
            ExclusionReason::NestedRepository
            | ExclusionReason::GitName
            | ExclusionReason::Submodules => false,
            ExclusionReason::EnvironmentFile
            | ExclusionReason::HoldsSecret
            | ExclusionReason::TooLarge { .. }
            | ExclusionReason::SpecialFile
            | ExclusionReason::TooDeep
            | ExclusionReason::Unreadable => true,
        }
    }
}

/// Returns why this path component must not be committed; `None` if it may be.
pub(crate) fn excluded_name(name: &[u8]) -> Option<ExclusionReason> {
    if name == b".git" {
        return Some(ExclusionReason::NestedRepository);
    }
    // HFS+ ignores some Unicode characters; NTFS cuts names at ':' (a stream), drops trailing dots
    // and spaces, splits at a backslash, and has a short name for every file.
    let text: String = String::from_utf8_lossy(name)
        .chars()
        .filter(|c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    text.split('\\').find_map(|part| {
        let part = part
            .split(':')
            .next()
            .unwrap_or_default()
            .trim_end_matches(['.', ' ']);
        match part {
            ".git" | "git~1" => Some(ExclusionReason::GitName),
            _ if is_gitmodules(part) => Some(ExclusionReason::Submodules),
            _ => None,
        }
    })
}

fn is_gitmodules(part: &str) -> bool {
    if part == ".gitmodules" {
        return true;
    }
    let Some((head, digits)) = part.split_once('~') else {
        return false;
    };
    let numbered = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let hashed = part.len() == 8 && "gi7eba".starts_with(head);
    numbered && (head == "gitmod" || hashed)
}

/// Whether a file with this name is for keys and passwords: `.env` and `.env.local`, but not
/// `.env.example`, `.env.sample` and `.env.template`, which document the expected keys.
pub(crate) fn is_environment_file(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let Some(rest) = name.strip_prefix(".env") else {
        return false;
    };
    let last = rest.rsplit('.').next().unwrap_or_default();
    let is_pattern = matches!(last, "example" | "sample" | "template");
    rest.is_empty() || (rest.starts_with('.') && !is_pattern)
}

impl ExclusionReason {
    /// Whether the agent must redo its work because of this reason.
    pub fn is_secret(&self) -> bool {
        matches!(
            self,
            ExclusionReason::EnvironmentFile | ExclusionReason::HoldsSecret
        )
    }
}

/// Whether `path` is a plain path relative to the root of a tree.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let plain =
        |part: &str| !matches!(part, "" | "." | "..") && excluded_name(part.as_bytes()).is_none();
    !path.contains('\0') && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::{ExclusionReason, excluded_name, is_environment_file};

    #[test]
    fn every_spelling_of_git_is_found() {
        let spellings = [
            ".GIT",
            ".Git",
            ".git ",
            ".git.",
            ".git. .",
            "git~1",
            "GIT~1",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it",
            "\u{feff}.git",
            "x\\.git",
            ".git\\hooks",
        ];
        for name in spellings {
            assert_eq!(
                excluded_name(name.as_bytes()),
                Some(ExclusionReason::GitName),
                "{name:?}"
            );
        }
        for name in [
            ".gitmodules",
            ".GitModules ",
            "gitmod~1",
            "GI7EBA~1",
            "gi7eb~12",
        ] {
            assert_eq!(
                excluded_name(name.as_bytes()),
                Some(ExclusionReason::Submodules),
                "{name:?}"
            );
        }
        assert_eq!(
            excluded_name(b".git"),
            Some(ExclusionReason::NestedRepository)
        );
    }

    #[test]
    fn environment_files_are_recognized_and_their_examples_are_not() {
        for name in [".env", ".ENV", ".env.local", ".env.example.local", ".env."] {
            assert!(is_environment_file(name.as_bytes()), "{name}");
        }
        for name in [
            ".env.example",
            ".env.local.template",
            ".envrc",
            "env",
            "a.env",
            ".environment",
        ] {
            assert!(!is_environment_file(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn ordinary_names_pass() {
        let names: [&[u8]; 9] = [
            b".gitignore",
            b".gitattributes",
            b".github",
            b"git",
            b"..git",
            b"-rf",
            b"a\nb",
            b"\xff\xfe",
            b"git~2",
        ];
        for name in names {
            assert_eq!(excluded_name(name), None, "{name:?}");
        }
    }
}
