//! Selects the files of a work tree that go into a commit.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use rustix::fs::FileType;

use super::snapshot::{ExcludedPath, SnapshotLimits};
use crate::error::GitError;
use crate::excluded_names::{ExclusionReason, excluded_name, is_environment_file};
use crate::repository::fast_import::{FastImportStream, FileMode};
use crate::work_tree::gitignore::IgnoreFile;
use crate::work_tree::untrusted_tree::{UntrustedTree, VisitAction, WalkEntry};
use eklavya_core::redactor::Redactor;

/// A larger `.gitignore` is not read; the file is left out.
const RULES_BYTES: u64 = 256 * 1024;
const ALL_RULES_BYTES: u64 = 16 * 1024 * 1024;

/// A file of the parent.
#[derive(Debug, Clone)]
pub(crate) struct TrackedFile {
    pub(crate) mode: String,
    pub(crate) id: String,
}

/// The files of the parent, by path.
pub(crate) type TrackedFiles = BTreeMap<Vec<u8>, TrackedFile>;

/// A file to record.
#[derive(Debug)]
struct SelectedFile {
    path: Vec<u8>,
    mode: FileMode,
    bytes: u64,
}

/// A file that contains a secret.
#[derive(Debug)]
pub(crate) struct SuspectFile(SelectedFile);

impl SuspectFile {
    pub(crate) fn path(&self) -> &[u8] {
        &self.0.path
    }
}

/// The entries that a walk found.
#[derive(Debug, Default)]
pub(crate) struct WorkTreeScan {
    entries: Vec<SelectedFile>,
    skipped: Vec<(Vec<u8>, ExclusionReason)>,
    pub(crate) ignore_files: Vec<IgnoreFile>,
}

/// The files that go into the commit.
#[derive(Debug)]
pub(crate) struct FileSelection {
    entries: Vec<SelectedFile>,
    kept: Vec<(Vec<u8>, TrackedFile)>,
}

pub(crate) fn scan_work_tree(
    root: &Path,
    limits: SnapshotLimits,
) -> Result<WorkTreeScan, GitError> {
    let tree = UntrustedTree::open(root)?;
    let (mut found, mut count, mut deep) = (WorkTreeScan::default(), 0, Vec::new());
    tree.walk(
        |seen| {
            count += 1;
            if count > limits.entries {
                let what = "files and directories";
                return Err(too_large_error(root, limits.entries, what));
            }
            Ok(found.add_entry(seen, limits))
        },
        |path, reason| deep.push((path, reason)),
    )?;
    found.skipped.append(&mut deep);
    found.entries.sort_by(|a, b| a.path.cmp(&b.path));
    found.skipped.sort_by(|a, b| a.0.cmp(&b.0));
    found.read_ignore_files(&tree)?;
    Ok(found)
}

impl WorkTreeScan {
    fn add_entry(&mut self, seen: &WalkEntry<'_>, limits: SnapshotLimits) -> VisitAction {
        if seen.path == b".git" {
            return VisitAction::Skip;
        }
        let bytes = u64::try_from(seen.stat.st_size).unwrap_or(u64::MAX);
        let outcome = match (excluded_name(seen.name), seen.kind()) {
            (Some(reason), _) => Err(reason),
            (None, FileType::Directory) => return VisitAction::Enter,
            (None, _) if is_environment_file(seen.name) => Err(ExclusionReason::EnvironmentFile),
            (None, FileType::Symlink) => Ok(FileMode::Link),
            (None, FileType::RegularFile) if bytes > limits.file_bytes => {
                Err(ExclusionReason::TooLarge {
                    bytes,
                    limit: limits.file_bytes,
                })
            }
            (None, FileType::RegularFile) if !seen.is_readable() => {
                Err(ExclusionReason::Unreadable)
            }
            (None, FileType::RegularFile) if seen.stat.st_mode & 0o100 != 0 => {
                Ok(FileMode::Executable)
            }
            (None, FileType::RegularFile) => Ok(FileMode::Plain),
            (None, _) => Err(ExclusionReason::SpecialFile),
        };
        let path = seen.path.to_vec();
        match outcome {
            Ok(mode) => self.entries.push(SelectedFile { path, mode, bytes }),
            Err(reason) => self.skipped.push((path, reason)),
        }
        VisitAction::Skip
    }

    /// Reads the `.gitignore` files; like git, it skips those that are links.
    fn read_ignore_files(&mut self, tree: &UntrustedTree) -> Result<(), GitError> {
        let mut room = ALL_RULES_BYTES;
        for entry in std::mem::take(&mut self.entries) {
            let is_rules = entry.path.rsplit(|byte| *byte == b'/').next() == Some(b".gitignore");
            if is_rules && entry.mode != FileMode::Link {
                let Some(text) = tree.read(&entry.path, RULES_BYTES.min(room))? else {
                    let reason = ExclusionReason::TooLarge {
                        bytes: entry.bytes,
                        limit: RULES_BYTES,
                    };
                    self.skipped.push((entry.path, reason));
                    continue;
                };
                room -= text.len() as u64;
                self.ignore_files.push((entry.path.clone(), text));
            }
            self.entries.push(entry);
        }
        Ok(())
    }

    /// Returns the paths of all entries, to match against the ignore rules.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.entries.iter().map(|entry| entry.path.as_slice());
        entries.chain(self.skipped.iter().map(|(path, _)| path.as_slice()))
    }

    /// Splits the entries into those that go into the commit and those that are left out.
    pub(crate) fn select(
        self,
        known: &TrackedFiles,
        ignored: &HashSet<Vec<u8>>,
    ) -> (FileSelection, Vec<ExcludedPath>) {
        let mut selection = FileSelection {
            entries: self.entries,
            kept: Vec::new(),
        };
        selection
            .entries
            .retain(|entry| !ignored.contains(&entry.path) || known.contains_key(&entry.path));
        let mut left_out = Vec::new();
        for (path, reason) in self.skipped {
            let before = selection.kept.len();
            if reason.keeps_parent_version() {
                selection.keep_parent_files(&path, known);
            }
            if selection.kept.len() > before || !ignored.contains(&path) {
                let path = String::from_utf8_lossy(&path).into_owned();
                left_out.push(ExcludedPath { path, reason });
            }
        }
        (selection, left_out)
    }
}

impl FileSelection {
    /// Keeps the parent's files at and below `path`.
    fn keep_parent_files(&mut self, path: &[u8], known: &TrackedFiles) {
        let below = [path, b"/"].concat();
        let at_path = known.get_key_value(path);
        let range = known
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below));
        let fit = |path: &[u8]| {
            path.split(|b| *b == b'/')
                .all(|part| excluded_name(part).is_none())
        };
        let files = at_path
            .into_iter()
            .chain(range)
            .filter(|(path, _)| fit(path));
        self.kept
            .extend(files.map(|(path, file)| (path.clone(), file.clone())));
    }

    /// Removes the files that contain a secret, and returns them with their content.
    pub(crate) fn take_suspects(
        &mut self,
        root: &Path,
        limits: SnapshotLimits,
        redactor: &Redactor,
    ) -> Result<Vec<(SuspectFile, Vec<u8>)>, GitError> {
        if redactor.is_empty() {
            return Ok(Vec::new());
        }
        let tree = UntrustedTree::open(root)?;
        let (mut clean, mut suspects) = (Vec::new(), Vec::new());
        for entry in std::mem::take(&mut self.entries) {
            let content = read_content(&tree, &entry, limits)?.unwrap_or_default();
            if redactor.contains_secret(&entry.path) || redactor.contains_secret(&content) {
                suspects.push((SuspectFile(entry), content));
            } else {
                clean.push(entry);
            }
        }
        self.entries = clean;
        Ok(suspects)
    }

    /// Keeps the parent's version of a suspect file.
    pub(crate) fn replace_suspect(&mut self, suspect: &SuspectFile, known: &TrackedFiles) {
        self.keep_parent_files(suspect.path(), known);
    }

    /// Rejects a selection above the limit.
    pub(crate) fn check_total_size(
        &self,
        root: &Path,
        limits: SnapshotLimits,
    ) -> Result<(), GitError> {
        let total = self
            .entries
            .iter()
            .fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes));
        if total > limits.total_bytes {
            return Err(too_large_error(root, limits.total_bytes, "bytes"));
        }
        Ok(())
    }

    /// Writes the files to git.
    pub(crate) fn write_files(
        &self,
        root: &Path,
        limits: SnapshotLimits,
        stream: &mut FastImportStream<'_>,
    ) -> Result<(), GitError> {
        let tree = UntrustedTree::open(root)?;
        stream.delete_all()?;
        for (path, file) in &self.kept {
            stream.write_object(&file.mode, &file.id, path)?;
        }
        for entry in &self.entries {
            let content = read_content(&tree, entry, limits)?;
            let content = content.ok_or_else(|| GitError::Changing {
                tree: root.to_owned(),
                path: String::from_utf8_lossy(&entry.path).into_owned(),
            })?;
            stream.write_file(entry.mode, &entry.path, &content)?;
        }
        Ok(())
    }
}

/// Returns the content to record; `None` if the file is no longer what it was.
fn read_content(
    tree: &UntrustedTree,
    entry: &SelectedFile,
    limits: SnapshotLimits,
) -> Result<Option<Vec<u8>>, GitError> {
    match entry.mode {
        FileMode::Link => Ok(tree.read_link(&entry.path)),
        FileMode::Plain | FileMode::Executable => tree.read(&entry.path, limits.file_bytes),
    }
}

fn too_large_error(root: &Path, limit: u64, unit: &'static str) -> GitError {
    GitError::TooMuchWork {
        path: root.to_owned(),
        limit,
        unit,
    }
}
