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
pub enum Reason {
    /// The `.git` of a repository inside the work tree; the files beside it are recorded.
    NestedRepository,
    /// A spelling of `.git` that some file system takes for it.
    GitName,
    /// `.gitmodules`: submodules are no part of the work.
    Submodules,
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NestedRepository => f.write_str("the .git of a repository inside this one"),
            Reason::GitName => f.write_str("a name that some file system takes for .git"),
            Reason::Submodules => f.write_str("submodules are no part of the work"),
            Reason::TooLarge { bytes, limit } => {
                write!(f, "{bytes} bytes, more than the limit of {limit}")
            }
            Reason::SpecialFile => f.write_str("a pipe, a socket or a device"),
            Reason::TooDeep => f.write_str("its path is too long"),
            Reason::Unreadable => f.write_str("it may not be read"),
        }
    }
}

impl Reason {
    /// Says whether what was recorded at that place before stays in the commit.
    pub(crate) fn keeps_the_old(&self) -> bool {
        match self {
            Reason::NestedRepository | Reason::GitName | Reason::Submodules => false,
            Reason::TooLarge { .. }
            | Reason::SpecialFile
            | Reason::TooDeep
            | Reason::Unreadable => true,
        }
    }
}

/// Returns why nothing with this name, one part of a path, may be committed; `None` if it may.
pub(crate) fn refused(name: &[u8]) -> Option<Reason> {
    if name == b".git" {
        return Some(Reason::NestedRepository);
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
            ".git" | "git~1" => Some(Reason::GitName),
            _ if is_gitmodules(part) => Some(Reason::Submodules),
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

/// Says whether `path` is a plain path from the root of a tree.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && refused(part.as_bytes()).is_none();
    !path.contains('\0') && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::{Reason, refused};

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
            assert_eq!(refused(name.as_bytes()), Some(Reason::GitName), "{name:?}");
        }
        for name in [
            ".gitmodules",
            ".GitModules ",
            "gitmod~1",
            "GI7EBA~1",
            "gi7eb~12",
        ] {
            assert_eq!(
                refused(name.as_bytes()),
                Some(Reason::Submodules),
                "{name:?}"
            );
        }
        assert_eq!(refused(b".git"), Some(Reason::NestedRepository));
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
            assert_eq!(refused(name), None, "{name:?}");
        }
    }
}
