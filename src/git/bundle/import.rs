//! Imports an agent's own commits from a bundle that its git wrote inside its sandbox.
//!
//! The bundle is hostile. Git (at least up to 2.39) does not check the objects of a bundle that it
//! fetches from, whatever `fetch.fsckObjects` is, so its pack goes through `index-pack --strict` in
//! a quarantine directory and is moved into the repository only after all checks.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::bundle_file::{BundleFile, ImportRefusal};
use crate::error::{GitError, run_blocking};
use crate::git_command::GitCommand;
use crate::repository::ProjectRepository;
use crate::repository::fast_import::quote_path;
use crate::repository::refs::check_ref;
use crate::work_tree::snapshot::ExcludedPath;
use eklavya_core::ids::commit::CommitId;

/// Limit on a single allocation of git for an object from a bundle; a delta of a few bytes can
/// request gigabytes (`memory_limit_check` in git's wrapper.c).
const GIT_ALLOCATION: &str = "512m";

/// Limits on an imported history.
#[derive(Debug, Clone, Copy)]
pub struct ImportLimits {
    /// Size of the bundle, in bytes.
    pub bundle_bytes: u64,
    /// Unpacked size of one object, in bytes.
    pub object_bytes: u64,
    /// Unpacked size of all objects, in bytes.
    pub total_bytes: u64,
}

impl Default for ImportLimits {
    fn default() -> Self {
        Self {
            bundle_bytes: 256 << 20,
            object_bytes: 64 << 20,
            total_bytes: 2 << 30,
        }
    }
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The agent made no commit.
    Nothing,
    /// The tip of the imported history, which descends from the base; the reference points to it.
    History(CommitId),
    /// The history contains keys or secrets and was not imported; the agent's files may still be
    /// usable.
    Withheld {
        /// The files of its tip that contain them.
        files: Vec<ExcludedPath>,
    },
    /// The history is unusable; the agent's files may still be usable (see
    /// [`ProjectRepository::snapshot`]).
    Discarded {
        /// The reason, for people.
        reason: String,
    },
}

/// Returns the command to run in the agent's clone, inside its sandbox; its stdout is the bundle.
///
/// It fails if the agent made no commit. Its exit code is not reliable: pass its output, even if
/// empty, to [`ProjectRepository::import_bundle`].
pub fn bundle_argv(base: &CommitId) -> Vec<String> {
    let range = format!("{base}..HEAD");
    ["git", "bundle", "create", "--quiet", "-", &range]
        .map(str::to_owned)
        .to_vec()
}

impl ProjectRepository {
    /// Imports the commits of the bundle `file` into the repository and sets `refname` to the last.
    ///
    /// A bundle that is broken, too large, malformed or incomplete, or whose history does not
    /// descend from `base`, results in [`ImportOutcome::Discarded`] and leaves no trace; an error
    /// is a failure on this side. The imported tree may still contain files that
    /// [`ProjectRepository::snapshot`] leaves out, so merge a snapshot on top of the import.
    pub async fn import_bundle(
        &self,
        file: &Path,
        base: &CommitId,
        refname: &str,
        limits: ImportLimits,
    ) -> Result<ImportOutcome, GitError> {
        check_ref(refname)?;
        match self.import_quarantined(file, base, limits).await {
            Ok(Some(tip)) => {
                self.set_ref(refname, &tip).await?;
                Ok(ImportOutcome::History(tip))
            }
            Ok(None) => Ok(ImportOutcome::Nothing),
            Err(ImportRefusal::Discard(reason)) => Ok(ImportOutcome::Discarded { reason }),
            Err(ImportRefusal::Withhold(files)) => Ok(ImportOutcome::Withheld { files }),
            Err(ImportRefusal::Failed(why)) => Err(why),
        }
    }

    async fn import_quarantined(
        &self,
        file: &Path,
        base: &CommitId,
        limits: ImportLimits,
    ) -> Result<Option<CommitId>, ImportRefusal> {
        let path = file.to_owned();
        let opened = run_blocking(move || Ok(BundleFile::open(&path, limits.bundle_bytes))).await?;
        let Some(bundle) = opened? else {
            return Ok(None);
        };
        let quarantine = self.create_scratch_dir()?;
        let objects = quarantine.path().join("objects");
        fs::create_dir_all(objects.join("pack")).map_err(GitError::io("make", &objects))?;
        let tip = bundle.tip.clone();
        self.unpack(bundle, &objects, limits).await?;
        self.check_object_sizes(&objects, limits).await?;
        self.require_complete(&tip, &objects).await?;
        if tip == *base {
            return Ok(None);
        }
        if !self.is_descendant(base, &tip, &objects).await? {
            let reason = format!("its history does not descend from {}", base.short());
            return Err(ImportRefusal::Discard(reason));
        }
        self.refuse_secrets(base, &tip, &objects).await?;
        let to = self.path().join("objects/pack");
        run_blocking(move || publish_packs(&objects.join("pack"), &to)).await?;
        Ok(Some(tip))
    }

    /// Rejects a history with excluded content before any of it is published.
    async fn refuse_secrets(
        &self,
        base: &CommitId,
        tip: &CommitId,
        objects: &Path,
    ) -> Result<(), ImportRefusal> {
        let call = |what: &str| self.quarantine_command(what, objects);
        if self.history_holds_secrets(call, base, tip).await? {
            return Err(ImportRefusal::Withhold(
                self.withheld_files(call, base, tip).await?,
            ));
        }
        Ok(())
    }

    /// Returns a git command that sees the quarantine and, behind it, the repository.
    fn quarantine_command(&self, what: &str, objects: &Path) -> GitCommand {
        // The value is a list of directories; inside quotes a colon is part of the name.
        let behind = quote_path(self.path().join("objects").as_os_str().as_bytes());
        self.git_command(what)
            .env("GIT_OBJECT_DIRECTORY", objects)
            .env(
                "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                OsStr::from_bytes(&behind),
            )
            .env("GIT_ALLOC_LIMIT", GIT_ALLOCATION)
    }

    async fn unpack(
        &self,
        bundle: BundleFile,
        objects: &Path,
        limits: ImportLimits,
    ) -> Result<(), ImportRefusal> {
        let call = self
            .quarantine_command("index-pack", objects)
            .args(["--stdin", "--fix-thin"]);
        let call = call
            .arg("--strict")
            .arg(format!("--max-input-size={}", limits.bundle_bytes));
        let place = self.path().to_owned();
        let output = call
            .run_with_input(move |out| {
                let mut pack = bundle.file;
                std::io::copy(&mut pack, out)
                    .map(|_| ())
                    .map_err(GitError::io("hand a bundle to git in", &place))
            })
            .await?;
        if output.status.success() {
            return Ok(());
        }
        if output.stderr.contains("No space left on device") {
            return Err(output.into_error("index-pack", self.path()).into());
        }
        Err(ImportRefusal::Discard(format!(
            "git does not accept its objects: {}",
            output.stderr
        )))
    }

    /// Rejects objects that unpack to more than the limits.
    async fn check_object_sizes(
        &self,
        objects: &Path,
        limits: ImportLimits,
    ) -> Result<(), ImportRefusal> {
        let call = self
            .git_command("cat-file")
            .env("GIT_OBJECT_DIRECTORY", objects);
        let call = call
            .args(["--batch-all-objects", "--unordered"])
            .arg("--batch-check=%(objectsize)");
        let sizes = call.text().await?;
        let mut total = 0_u64;
        for size in sizes.lines().filter_map(|line| line.parse::<u64>().ok()) {
            total = total.saturating_add(size);
            if size > limits.object_bytes || total > limits.total_bytes {
                return Err(ImportRefusal::Discard(
                    "its objects unpack to more than the limit".into(),
                ));
            }
        }
        Ok(())
    }

    /// Rejects a tip that is not a commit, or whose history lacks objects.
    async fn require_complete(&self, tip: &CommitId, objects: &Path) -> Result<(), ImportRefusal> {
        let call = self
            .quarantine_command("cat-file", objects)
            .args(["-t", tip.as_str()]);
        let kind = call.run().await?;
        if kind.stdout != b"commit\n" {
            return Err(ImportRefusal::Discard(format!(
                "its tip {} is not a commit in it",
                tip.short()
            )));
        }
        let call = self
            .quarantine_command("rev-list", objects)
            .args(["--objects", "--quiet"]);
        let output = call.args([tip.as_str(), "--not", "--all"]).run().await?;
        if output.status.success() {
            return Ok(());
        }
        Err(ImportRefusal::Discard(format!(
            "it is incomplete: {}",
            output.stderr
        )))
    }

    async fn is_descendant(
        &self,
        base: &CommitId,
        tip: &CommitId,
        objects: &Path,
    ) -> Result<bool, ImportRefusal> {
        let call = self.quarantine_command("merge-base", objects);
        let call = call.args(["--is-ancestor", base.as_str(), tip.as_str()]);
        Ok(call.run().await?.status.success())
    }
}

/// Moves packs out of the quarantine. The index goes last, since git finds a pack by its index.
fn publish_packs(from: &Path, to: &Path) -> Result<(), GitError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(from).map_err(GitError::io("read", from))? {
        names.push(entry.map_err(GitError::io("read", from))?.file_name());
    }
    names.sort_by_key(|name| name.to_string_lossy().ends_with(".idx"));
    for name in names {
        let target = to.join(&name);
        fs::rename(from.join(&name), &target).map_err(GitError::io("put in place", &target))?;
    }
    let synced = File::open(to).and_then(|directory| directory.sync_all());
    synced.map_err(GitError::io("write", to))
}
