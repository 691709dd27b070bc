//! Matches files against the project's own `.gitignore` files.
//!
//! Git does the matching, but not in the agent's tree: the rules are copied into an empty directory
//! first, so that a pipe or a giant file named `.gitignore` cannot block git, and no other file of
//! the tree can influence it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::GitError;
use crate::repository::ProjectRepository;

/// A `.gitignore`: its path from the root and its content.
pub(crate) type IgnoreFile = (Vec<u8>, Vec<u8>);

impl ProjectRepository {
    /// Returns those of `paths` that `rules` ignore.
    pub(crate) async fn find_ignored(
        &self,
        rules: &[IgnoreFile],
        paths: impl Iterator<Item = &[u8]>,
    ) -> Result<HashSet<Vec<u8>>, GitError> {
        if rules.is_empty() {
            return Ok(HashSet::new());
        }
        let shadow = self.create_scratch_dir()?;
        write_ignore_files(rules, shadow.path())?;
        let output = self
            .git()
            .command(shadow.path(), "check-ignore")
            .args(["-z", "--stdin", "--no-index"])
            .env("GIT_DIR", self.path())
            .env("GIT_WORK_TREE", shadow.path())
            .input(list_paths(paths))
            .run()
            .await?;
        if !matches!(output.status.code(), Some(0 | 1)) {
            return Err(output.into_error("check-ignore", self.path()));
        }
        let found = output.stdout.split(|byte| *byte == 0);
        Ok(found
            .filter_map(|path| path.strip_prefix(b"./"))
            .map(<[u8]>::to_vec)
            .collect())
    }
}

/// Returns the input of `git check-ignore -z`.
fn list_paths<'a>(paths: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut input = Vec::new();
    for path in paths {
        // This prevents a special meaning of a leading ':' or '-'.
        input.extend_from_slice(b"./");
        input.extend_from_slice(path);
        input.push(0);
    }
    input
}

fn write_ignore_files(rules: &[IgnoreFile], shadow: &Path) -> Result<(), GitError> {
    for (path, text) in rules {
        let file = shadow.join(OsStr::from_bytes(path));
        let directory = file.parent().unwrap_or(shadow);
        fs::create_dir_all(directory).map_err(GitError::io("make", directory))?;
        fs::write(&file, text).map_err(GitError::io("write", &file))?;
    }
    Ok(())
}
