//! Records an agent's files as a commit, whatever their state.

use std::path::Path;

use serde::Serialize;

use crate::error::{GitError, run_blocking};
use crate::excluded_names::ExclusionReason;
use crate::identity::GitSignature;
use crate::repository::ProjectRepository;
use crate::repository::fast_import::{CommitHeader, FastImportStream};
use crate::repository::refs::check_ref;
use crate::work_tree::file_selection::{FileSelection, TrackedFile, TrackedFiles, scan_work_tree};
use eklavya_core::ids::commit::CommitId;

/// Limits on a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotLimits {
    /// Larger files are left out, in bytes.
    pub file_bytes: u64,
    /// Total size above which the snapshot fails (ignored files excluded), in bytes.
    pub total_bytes: u64,
    /// Number of entries above which the snapshot fails (ignored ones included).
    pub entries: u64,
}

impl Default for SnapshotLimits {
    fn default() -> Self {
        Self {
            file_bytes: 20 << 20,
            total_bytes: 1 << 30,
            entries: 500_000,
        }
    }
}

/// The result of [`ProjectRepository::snapshot`].
#[derive(Debug, Clone)]
pub struct WorkTreeSnapshot {
    /// The commit with the files, or the parent itself if they are equal.
    pub commit: CommitId,
    pub changed: bool,
    /// The files that are left out, except those that the project's `.gitignore` ignores.
    pub left_out: Vec<ExcludedPath>,
}

/// A file that is not in a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExcludedPath {
    /// Its path from the root; invalid UTF-8 is replaced by U+FFFD.
    pub path: String,
    pub reason: ExclusionReason,
}

impl ProjectRepository {
    /// Records the files of `work_tree` as a commit on top of `parent` and sets `refname` to it.
    ///
    /// The work tree is only read, by a walk that follows no links; git sees only bytes. Its `.git`
    /// is left out. Content is recorded byte for byte. Files that `.gitignore` ignores are left out
    /// unless the parent has them, and so are files for keys and files that contain a secret. No
    /// process of the agent may still be running. If the files equal the parent's, no commit is
    /// made, but `refname` is set.
    pub async fn snapshot(
        &self,
        work_tree: &Path,
        parent: &CommitId,
        refname: &str,
        author: &GitSignature,
        message: &str,
        limits: SnapshotLimits,
    ) -> Result<WorkTreeSnapshot, GitError> {
        check_ref(refname)?;
        let known = self.tracked_files(parent).await?;
        let root = work_tree.to_owned();
        let found = run_blocking(move || scan_work_tree(&root, limits)).await?;
        let ignored = self
            .find_ignored(&found.ignore_files, found.paths())
            .await?;
        let (selection, mut left_out) = found.select(&known, &ignored);
        selection.check_total_size(work_tree, limits)?;
        let selection = self
            .exclude_secrets(selection, work_tree, limits, &known, &mut left_out)
            .await?;
        let heading = CommitHeader {
            parent: Some(parent.clone()),
            author: author.clone(),
            message: message.to_owned(),
        };
        let root = work_tree.to_owned();
        let write =
            move |stream: &mut FastImportStream<'_>| selection.write_files(&root, limits, stream);
        let made = self.fast_import(heading, write).await?;
        let changed = self.tree_of(&made).await? != self.tree_of(parent).await?;
        let commit = if changed { made } else { parent.clone() };
        self.set_ref(refname, &commit).await?;
        Ok(WorkTreeSnapshot {
            commit,
            changed,
            left_out,
        })
    }

    /// Leaves out files that contain a secret. Those that the parent has unchanged stay, since they
    /// are not new.
    async fn exclude_secrets(
        &self,
        mut selection: FileSelection,
        work_tree: &Path,
        limits: SnapshotLimits,
        known: &TrackedFiles,
        left_out: &mut Vec<ExcludedPath>,
    ) -> Result<FileSelection, GitError> {
        let (root, redactor) = (work_tree.to_owned(), self.redactor().clone());
        let (mut selection, suspects) = run_blocking(move || {
            let suspects = selection.take_suspects(&root, limits, &redactor)?;
            Ok((selection, suspects))
        })
        .await?;
        for (suspect, content) in suspects {
            let kept = known.get(suspect.path());
            let same = match kept {
                Some(file) => self.blob_equals(&file.id, &content).await?,
                None => false,
            };
            selection.replace_suspect(&suspect, known);
            if !same {
                left_out.push(ExcludedPath {
                    path: self.redacted_path(suspect.path()),
                    reason: ExclusionReason::HoldsSecret,
                });
            }
        }
        Ok(selection)
    }

    /// Returns the files of a commit, without submodules.
    async fn tracked_files(&self, commit: &CommitId) -> Result<TrackedFiles, GitError> {
        let listed = self
            .git_command("ls-tree")
            .args(["-r", "-z", commit.as_str()])
            .stdout()
            .await?;
        let entry = |line: &[u8]| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let head = String::from_utf8_lossy(&line[..tab]).into_owned();
            let mut words = head.split(' ').map(str::to_owned);
            let (mode, kind, id) = (words.next()?, words.next()?, words.next()?);
            (kind == "blob").then(|| (line[tab + 1..].to_vec(), TrackedFile { mode, id }))
        };
        Ok(listed.split(|byte| *byte == 0).filter_map(entry).collect())
    }
}
