//! Keeps keys and passwords out of commits: files for them, and content with a known secret.
//!
//! A commit of main is delivered and is in every clone forever. So a snapshot leaves such files
//! out, and a history that contains them anywhere is not imported at all: removing them from the
//! last commit would leave them in the others.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::GitError;
use crate::excluded_names::{ExclusionReason, is_environment_file};
use crate::git_command::GitCommand;
use crate::repository::ProjectRepository;
use crate::work_tree::snapshot::ExcludedPath;
use crate::work_tree::untrusted_tree::UntrustedTree;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::redactor::Redactor;

/// Bytes of objects that are searched at a time.
const BATCH_BYTES: u64 = 64 << 20;

/// A file that a commit adds or changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChangedFile {
    pub path: Vec<u8>,
    pub object: String,
}

impl ChangedFile {
    /// Parses the output of `git diff-tree --raw -r -z`: `:mode mode object object status`, then
    /// the path.
    fn parse_diff(raw: &[u8]) -> BTreeSet<Self> {
        let mut words = raw.split(|byte| *byte == 0);
        let mut changed = BTreeSet::new();
        while let (Some(head), Some(path)) = (words.next(), words.next()) {
            changed.extend(Self::parse_entry(head, path));
        }
        changed
    }

    /// Parses the same with a commit id before its changes.
    pub(crate) fn parse_commits(raw: &[u8]) -> Vec<(Vec<u8>, Self)> {
        let mut words = raw.split(|byte| *byte == 0);
        let (mut commit, mut changed) = (Vec::new(), Vec::new());
        while let Some(head) = words.next() {
            if !head.starts_with(b":") {
                commit = head.to_vec();
                continue;
            }
            let file = words.next().and_then(|path| Self::parse_entry(head, path));
            changed.extend(file.map(|file| (commit.clone(), file)));
        }
        changed
    }

    /// Parses the output of `git ls-tree -r -z`: `mode type object`, a tab, and the path.
    pub(crate) fn parse_tree(raw: &[u8]) -> BTreeSet<Self> {
        let entries = raw.split(|byte| *byte == 0);
        let read = |entry: &[u8]| {
            let tab = entry.iter().position(|byte| *byte == b'\t')?;
            let head = String::from_utf8_lossy(&entry[..tab]).into_owned();
            Some(Self {
                path: entry[tab + 1..].to_vec(),
                object: head.rsplit(' ').next()?.to_owned(),
            })
        };
        entries.filter_map(read).collect()
    }

    fn parse_entry(head: &[u8], path: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head).into_owned();
        let mut parts = head.split(' ').skip(1);
        let (mode, _, object) = (parts.next()?, parts.next()?, parts.next()?);
        // 000000: removed; 160000: a submodule.
        let is_file = !matches!(mode, "000000" | "160000");
        is_file.then(|| Self {
            path: path.to_vec(),
            object: object.to_owned(),
        })
    }

    fn is_environment_file(&self) -> bool {
        let name = self.path.rsplit(|byte| *byte == b'/').next();
        name.is_some_and(is_environment_file)
    }
}

impl ProjectRepository {
    /// Whether the commits between `base` and `tip` have excluded content: in any file, file name
    /// or message. `call` makes git commands that see their objects.
    pub(crate) async fn history_holds_secrets(
        &self,
        call: impl Fn(&str) -> GitCommand,
        base: &CommitId,
        tip: &CommitId,
    ) -> Result<bool, GitError> {
        let range = format!("{base}..{tip}");
        let commits = call("rev-list").arg(range).stdout().await?;
        let listed = call("diff-tree")
            .args(["--stdin", "-r", "-z", "-m", "--root", "--no-commit-id"])
            .args(["--no-renames", "--raw"])
            .input(commits.clone())
            .stdout()
            .await?;
        let changed = ChangedFile::parse_diff(&listed);
        if changed.iter().any(ChangedFile::is_environment_file) {
            return Ok(true);
        }
        let redactor = self.redactor();
        if redactor.is_empty() {
            return Ok(false);
        }
        let named_in_path = |file: &ChangedFile| redactor.contains_secret(&file.path);
        if changed.iter().any(named_in_path) {
            return Ok(true);
        }
        let commits = String::from_utf8_lossy(&commits).into_owned();
        let objects = changed.into_iter().map(|file| file.object);
        let objects = objects.chain(commits.lines().map(str::to_owned)).collect();
        self.any_object_holds_secret(call, objects, redactor).await
    }

    /// Returns the files that `tip` adds or changes relative to `base` and that must be excluded.
    pub(crate) async fn withheld_files(
        &self,
        call: impl Fn(&str) -> GitCommand,
        base: &CommitId,
        tip: &CommitId,
    ) -> Result<Vec<ExcludedPath>, GitError> {
        let diff = call("diff-tree")
            .args(["-r", "-z", "--no-renames", "--raw"])
            .args([base.as_str(), tip.as_str()]);
        let mut found = Vec::new();
        for file in ChangedFile::parse_diff(&diff.stdout().await?) {
            if let Some(reason) = self.find_exclusion(&call, &file).await? {
                let path = self.redacted_path(&file.path);
                found.push(ExcludedPath { path, reason });
            }
        }
        Ok(found)
    }

    async fn find_exclusion(
        &self,
        call: impl Fn(&str) -> GitCommand,
        file: &ChangedFile,
    ) -> Result<Option<ExclusionReason>, GitError> {
        let redactor = self.redactor();
        if file.is_environment_file() {
            return Ok(Some(ExclusionReason::EnvironmentFile));
        }
        if redactor.is_empty() {
            return Ok(None);
        }
        let objects = BTreeSet::from([file.object.clone()]);
        let holds_secret = redactor.contains_secret(&file.path)
            || self
                .any_object_holds_secret(call, objects, redactor)
                .await?;
        Ok(holds_secret.then_some(ExclusionReason::HoldsSecret))
    }

    /// Whether `known` finds a secret in one of these objects.
    pub(crate) async fn any_object_holds_secret(
        &self,
        call: impl Fn(&str) -> GitCommand,
        objects: BTreeSet<String>,
        known: &Redactor,
    ) -> Result<bool, GitError> {
        let input = objects.into_iter().collect::<Vec<_>>().join("\n") + "\n";
        let sizes = call("cat-file")
            .arg("--batch-check=%(objectname) %(objectsize)")
            .input(input.into_bytes())
            .text()
            .await?;
        for batch in split_batches(&sizes) {
            let content = call("cat-file")
                .arg("--batch=")
                .input(batch.into_bytes())
                .stdout()
                .await?;
            if known.contains_secret(&content) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns a path for people, without the secrets that it may contain.
    pub(crate) fn redacted_path(&self, path: &[u8]) -> String {
        self.redactor().redact_text(&String::from_utf8_lossy(path))
    }

    /// Whether the object has the same content.
    pub(crate) async fn blob_equals(&self, object: &str, content: &[u8]) -> Result<bool, GitError> {
        let kept = self
            .git_command("cat-file")
            .args(["blob", object])
            .stdout()
            .await?;
        Ok(kept == content)
    }
}

/// Returns those of `files` that still exist in the work tree. Files that exist only in commits are
/// not imported with them.
pub fn retain_existing(
    work_tree: &Path,
    files: Vec<ExcludedPath>,
) -> Result<Vec<ExcludedPath>, GitError> {
    let tree = UntrustedTree::open(work_tree)?;
    let there = |file: &ExcludedPath| tree.exists(file.path.as_bytes());
    Ok(files.into_iter().filter(there).collect())
}

/// Splits objects, given with their sizes, into batches of limited size.
fn split_batches(sizes: &str) -> Vec<String> {
    let (mut all, mut batch, mut bytes) = (Vec::new(), String::new(), 0_u64);
    for line in sizes.lines() {
        let Some((object, size)) = line.split_once(' ') else {
            continue;
        };
        let size = size.parse().unwrap_or(0);
        if bytes.saturating_add(size) > BATCH_BYTES && !batch.is_empty() {
            all.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        batch.push_str(object);
        batch.push('\n');
        bytes = bytes.saturating_add(size);
    }
    all.push(batch);
    all
}
