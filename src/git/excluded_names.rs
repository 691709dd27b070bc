//! Names that may not become part of a commit.
//!
//! Git refuses `.git` in every spelling that some file system takes for it (`verify_path` in
//! read-cache.c, `is_ntfs_dotgit` in path.c, `is_hfs_dotgit` in utf8.c). A tree that holds one
//! would be a trap for whoever clones it, so the same spellings are found here first, to leave out
//! that one file instead of failing on all.

use std::fmt;

use serde::Serialize;

/// Why something in a work tree is not in the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ExclusionReason {
    /// The `.git` of a repository inside the work tree; the files beside it are recorded.
    NestedRepository,
    /// A spelling of `.git` that some file system takes for it.
    GitName,
    /// `.gitmodules`: submodules are no part of the work.
    Submodules,
    /// A file that is made for keys and passwords: `.env` and its like.
    EnvironmentFile,
    /// It holds a secret of the project's or the installation's.
    HoldsSecret,
    /// A file above the limit. As with all that follow, what was recorded there before stays.
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A pipe, a socket or a device.
    SpecialFile,
    /// A directory that lies too deep, or whose path is too long.
    TooDeep,
    /// A file or directory that may not be read.
    Unreadable,
}

impl fmt::Display for ExclusionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExclusionReason::NestedRepository => {
                f.write_str("the .git of a repository inside this one")
            }
            ExclusionReason::GitName => f.write_str("a name that some file system takes for .git"),
            ExclusionReason::Submodules => f.write_str("submodules are no part of the work"),
            ExclusionReason::EnvironmentFile => {
                f.write_str("files of this name are for keys and passwords")
            }
            ExclusionReason::HoldsSecret => f.write_str("it holds the value of a secret"),
            ExclusionReason::TooLarge { bytes, limit } => {
                write!(f, "{bytes} bytes, more than the limit of {limit}")
            }
            ExclusionReason::SpecialFile => f.write_str("a pipe, a socket or a device"),
            ExclusionReason::TooDeep => f.write_str("its path is too long"),
            ExclusionReason::Unreadable => f.write_str("it may not be read"),
        }
    }
}

impl ExclusionReason {
    /// Says whether what was recorded at that place before stays in the commit.
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

/// Returns why nothing with this name, one part of a path, may be committed; `None` if it may.
pub(crate) fn excluded_name(name: &[u8]) -> Option<ExclusionReason> {
    if name == b".git" {
        return Some(ExclusionReason::NestedRepository);
    }
    // HFS+ ignores some characters of Unicode; NTFS cuts at ':' (a stream), drops trailing dots and
    // spaces, parts at a backslash, and knows every file by a short name too.
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

/// Says whether a file of this name is made for keys and passwords: `.env` and `.env.local`, but not
/// `.env.example`, `.env.sample`, `.env.template`, which show what is to be there.
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
    /// Says whether the work goes back to the agent for it.
    pub fn is_secret(&self) -> bool {
        matches!(
            self,
            ExclusionReason::EnvironmentFile | ExclusionReason::HoldsSecret
        )
    }
}

/// Says whether `path` is a plain path from the root of a tree.
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
    fn files_for_keys_are_told_from_their_patterns() {
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
