//! Keeping keys and passwords out of commits: files that are made for them, and whatever holds a secret
//! that is known.
//!
//! What is once in a commit of main is delivered, and is in every clone for ever. So nothing of the
//! kind becomes a part of a snapshot; and a history that holds it anywhere is not taken in at all,
//! since taking it out of the last commit leaves it in the others.

use std::collections::BTreeSet;
use std::path::Path;

use super::call::Call;
use super::error::VcsError;
use super::names::{Reason, is_environment_file};
use super::repository::Repository;
use super::snapshot::LeftOut;
use super::walk::Tree;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::redactor::Redactor;

/// Objects are looked through so many bytes at a time.
const BATCH_BYTES: u64 = 64 << 20;

/// A file that a commit adds or changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Changed {
    pub path: Vec<u8>,
    pub object: String,
}

impl Changed {
    /// Reads what `git diff-tree --raw -r -z` prints: `:mode mode object object status`, then the path.
    fn read_all(raw: &[u8]) -> BTreeSet<Self> {
        let mut words = raw.split(|byte| *byte == 0);
        let mut changed = BTreeSet::new();
        while let (Some(head), Some(path)) = (words.next(), words.next()) {
            changed.extend(Self::read(head, path));
        }
        changed
    }

    /// Reads the same with the name of a commit in front of what it changes.
    pub(super) fn read_commits(raw: &[u8]) -> Vec<(Vec<u8>, Self)> {
        let mut words = raw.split(|byte| *byte == 0);
        let (mut commit, mut changed) = (Vec::new(), Vec::new());
        while let Some(head) = words.next() {
            if !head.starts_with(b":") {
                commit = head.to_vec();
                continue;
            }
            let file = words.next().and_then(|path| Self::read(head, path));
            changed.extend(file.map(|file| (commit.clone(), file)));
        }
        changed
    }

    /// Reads what `git ls-tree -r -z` prints: `mode type object`, a tab, and the path.
    pub(super) fn read_tree(raw: &[u8]) -> BTreeSet<Self> {
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

    fn read(head: &[u8], path: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head).into_owned();
        let mut parts = head.split(' ').skip(1);
        let (mode, _, object) = (parts.next()?, parts.next()?, parts.next()?);
        // 000000: it is removed; 160000: another repository's commit.
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

impl Repository {
    /// Whether the commits between `base` and `tip` hold what must not be kept: in a file of any of
    /// them, in its name, or in what they say. `call` makes calls that see their objects.
    pub(crate) async fn history_holds_secrets(
        &self,
        call: impl Fn(&str) -> Call,
        base: &CommitId,
        tip: &CommitId,
    ) -> Result<bool, VcsError> {
        let range = format!("{base}..{tip}");
        let commits = call("rev-list").arg(range).output().await?;
        let listed = call("diff-tree")
            .args(["--stdin", "-r", "-z", "-m", "--root", "--no-commit-id"])
            .args(["--no-renames", "--raw"])
            .input(commits.clone())
            .output()
            .await?;
        let changed = Changed::read_all(&listed);
        if changed.iter().any(Changed::is_environment_file) {
            return Ok(true);
        }
        if self.redactor().is_empty() {
            return Ok(false);
        }
        if changed.iter().any(|file| self.redactor().finds(&file.path)) {
            return Ok(true);
        }
        let commits = String::from_utf8_lossy(&commits).into_owned();
        let objects = changed.into_iter().map(|file| file.object);
        let objects = objects.chain(commits.lines().map(str::to_owned)).collect();
        self.any_holds_secret(call, objects, self.redactor()).await
    }

    /// Returns the files that `tip` adds to `base`, or has otherwise, and that must not be kept.
    pub(crate) async fn withheld_files(
        &self,
        call: impl Fn(&str) -> Call,
        base: &CommitId,
        tip: &CommitId,
    ) -> Result<Vec<LeftOut>, VcsError> {
        let diff = call("diff-tree")
            .args(["-r", "-z", "--no-renames", "--raw"])
            .args([base.as_str(), tip.as_str()]);
        let mut found = Vec::new();
        for file in Changed::read_all(&diff.output().await?) {
            let objects = BTreeSet::from([file.object.clone()]);
            let reason = if file.is_environment_file() {
                Reason::EnvironmentFile
            } else if self.redactor().is_empty() {
                continue;
            } else if self.redactor().finds(&file.path)
                || self
                    .any_holds_secret(&call, objects, self.redactor())
                    .await?
            {
                Reason::HoldsSecret
            } else {
                continue;
            };
            found.push(LeftOut {
                path: self.shown(&file.path),
                reason,
            });
        }
        Ok(found)
    }

    /// Whether `known` finds something in one of these objects.
    pub(super) async fn any_holds_secret(
        &self,
        call: impl Fn(&str) -> Call,
        objects: BTreeSet<String>,
        known: &Redactor,
    ) -> Result<bool, VcsError> {
        let asked = objects.into_iter().collect::<Vec<_>>().join("\n") + "\n";
        let sizes = call("cat-file")
            .arg("--batch-check=%(objectname) %(objectsize)")
            .input(asked.into_bytes())
            .text()
            .await?;
        for batch in batches(&sizes) {
            let content = call("cat-file")
                .arg("--batch=")
                .input(batch.into_bytes())
                .output()
                .await?;
            if known.finds(&content) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns a path for people: one that holds a secret does not show it.
    pub(crate) fn shown(&self, path: &[u8]) -> String {
        self.redactor().text(&String::from_utf8_lossy(path))
    }

    /// Whether the file of the repository is the same as this content.
    pub(crate) async fn is_blob(&self, object: &str, content: &[u8]) -> Result<bool, VcsError> {
        let kept = self
            .call("cat-file")
            .args(["blob", object])
            .output()
            .await?;
        Ok(kept == content)
    }
}

/// Returns those of `files` that are still in the work tree. What is only in commits is not taken in
/// with them.
pub fn still_there(work_tree: &Path, files: Vec<LeftOut>) -> Result<Vec<LeftOut>, VcsError> {
    let tree = Tree::open(work_tree)?;
    let there = |file: &LeftOut| tree.has(file.path.as_bytes());
    Ok(files.into_iter().filter(there).collect())
}

/// Parts objects, given with their sizes, into lists of which none is large.
fn batches(sizes: &str) -> Vec<String> {
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
