//! An agent's own clone.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{GitError, run_blocking};
use crate::git_command::GitCommand;
use crate::identity::GitIdentity;
use crate::remove_tree::remove_tree;
use crate::repository::refs::branch_ref;
use crate::repository::{
    ATTRIBUTES, ProjectRepository, create_unfinished, remove_unfinished, rename_into_place,
};
use eklavya_core::ids::commit::CommitId;

/// How [`Repository::clone_for_agent`] found its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloneOutcome {
    /// The clone was made.
    Made,
    /// There is one already, perhaps with work in it; it was left as it is.
    AlreadyExists,
}

impl ProjectRepository {
    /// Makes a clone at the absolute `dest` that shares nothing with this repository: the history
    /// of `base`, checked out on `branch`, without a remote, without hooks (an empty directory),
    /// with `identity` in its own configuration.
    ///
    /// It is made under another name, handed over by `hand_over`, and renamed when complete, so that
    /// a clone that is there belongs to its agent, whenever this is cut short; one that was begun
    /// before a crash is begun again. A complete one at `dest` is left alone, and so is anything else
    /// ([`VcsError::Occupied`]) but an empty directory. One caller at a time per `dest`.
    pub async fn clone_for_agent(
        &self,
        dest: &Path,
        base: &CommitId,
        branch: &str,
        identity: &GitIdentity,
        hand_over: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<CloneOutcome, GitError> {
        let refname = branch_ref(branch)?;
        if dest.join(".git").is_dir() {
            return Ok(CloneOutcome::AlreadyExists);
        }
        remove_unfinished(dest).await?;
        let making = create_unfinished(dest).await?;
        self.clone_command(&making, "init")
            .args(["--quiet", "--template="])
            .arg(format!("--initial-branch={branch}"))
            .stdout()
            .await?;
        for (key, value) in [
            ("user.name", identity.name()),
            ("user.email", identity.email()),
            ("gc.auto", "0"),
        ] {
            self.clone_command(&making, "config")
                .args(["--local", key, value])
                .stdout()
                .await?;
        }
        let place = making.clone();
        run_blocking(move || prepare_clone(&place)).await?;
        // A fetch always copies; a local clone would link the object files.
        self.clone_command(&making, "fetch")
            .args([
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--update-head-ok",
            ])
            .arg(self.path())
            .arg(format!("{base}:{refname}"))
            .stdout()
            .await?;
        self.clone_command(&making, "read-tree")
            .args(["--reset", "-u", "HEAD"])
            .stdout()
            .await?;
        hand_over(&making).map_err(GitError::io("hand over", &making))?;
        let (from, to) = (making.clone(), dest.to_owned());
        match run_blocking(move || rename_into_place(&from, &to)).await {
            Err(GitError::Occupied { .. }) if dest.join(".git").is_dir() => {
                remove_tree(&making).await?;
                Ok(CloneOutcome::AlreadyExists)
            }
            placed => placed.map(|()| CloneOutcome::Made),
        }
    }

    /// Returns a git call in a clone that no agent has seen yet.
    fn clone_command(&self, clone: &Path, what: &str) -> GitCommand {
        let call = self.git().command(clone, what);
        call.env("GIT_DIR", clone.join(".git"))
            .env("GIT_WORK_TREE", clone)
    }
}

/// The clone is its owner's alone. The sandbox mounts the hooks read-only, so their directory has to
/// exist; the attributes keep the files as the snapshots record them, byte for byte.
fn prepare_clone(clone: &Path) -> Result<(), GitError> {
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(clone, private).map_err(GitError::io("close", clone))?;
    let git_directory = clone.join(".git");
    for name in ["hooks", "info"] {
        let directory = git_directory.join(name);
        std::fs::create_dir_all(&directory).map_err(GitError::io("make", &directory))?;
    }
    let attributes = git_directory.join("info/attributes");
    std::fs::write(&attributes, ATTRIBUTES).map_err(GitError::io("write", &attributes))
}

#[cfg(test)]
mod tests {
    use super::{CloneOutcome, GitError};
    use crate::GitIdentity;
    use crate::test_repo::TestRepo;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::{fs, io};

    #[tokio::test]
    async fn a_clone_has_the_files_the_branch_the_name_and_no_way_back() {
        let bench = TestRepo::new().await;
        let base = bench
            .commit(
                "base",
                &[
                    ("src/a.txt", "one\r\n"),
                    (".gitattributes", "* text eol=lf\n"),
                ],
            )
            .await;
        let clone = bench.clone_of(&base).await;
        assert_eq!(fs::read(clone.join("src/a.txt")).unwrap(), b"one\r\n");
        assert_eq!(bench.git_text(&clone, &["status", "--porcelain"]).await, "");
        assert_eq!(
            bench.git_text(&clone, &["branch", "--show-current"]).await,
            "work"
        );
        assert_eq!(
            bench.git_text(&clone, &["log", "--format=%H"]).await,
            base.to_string()
        );
        assert_eq!(
            bench.git_text(&clone, &["config", "user.name"]).await,
            "Agent One"
        );
        assert_eq!(bench.git_text(&clone, &["remote"]).await, "");
        assert_eq!(fs::read_dir(clone.join(".git/hooks")).unwrap().count(), 0);
        assert!(!clone.join(".git/objects/info/alternates").exists());
        let mode = fs::metadata(&clone).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[tokio::test]
    async fn a_half_made_clone_is_made_again_and_a_whole_one_is_left_alone() {
        let bench = TestRepo::new().await;
        let base = bench.commit("base", &[("a", "1")]).await;
        let half = bench.path(".clone.making/.git");
        fs::create_dir_all(&half).unwrap();
        fs::write(half.join("HEAD"), "rubbish").unwrap();
        let clone = bench.clone_of(&base).await;
        fs::write(clone.join("a"), "work").unwrap();
        let who = GitIdentity::new("Agent One", "one@localhost");
        let again = bench
            .repository
            .clone_for_agent(&clone, &base, "work", &who, |_| Ok(()))
            .await
            .unwrap();
        assert_eq!(again, CloneOutcome::AlreadyExists);
        assert_eq!(fs::read_to_string(clone.join("a")).unwrap(), "work");
        assert!(!bench.path(".clone.making").exists());
    }

    #[tokio::test]
    async fn a_clone_is_handed_over_before_it_exists_under_its_name() {
        let bench = TestRepo::new().await;
        let base = bench.commit("base", &[("a", "1")]).await;
        let (dest, who) = (bench.path("clone"), GitIdentity::orchestrator());
        let fails = |making: &Path| {
            assert!(making.join("a").exists() && !dest.exists());
            Err(io::Error::other("cut short"))
        };
        let made = bench
            .repository
            .clone_for_agent(&dest, &base, "work", &who, fails);
        assert!(matches!(made.await.unwrap_err(), GitError::Io { .. }));
        assert!(!dest.exists());
        bench.clone_of(&base).await;
        assert!(dest.join("a").exists());
    }

    #[tokio::test]
    async fn something_else_in_the_way_is_never_removed() {
        let bench = TestRepo::new().await;
        let base = bench.commit("base", &[("a", "1")]).await;
        fs::create_dir(bench.path("clone")).unwrap();
        fs::write(bench.path("clone/precious"), "x").unwrap();
        let who = GitIdentity::orchestrator();
        let made = bench
            .repository
            .clone_for_agent(&bench.path("clone"), &base, "work", &who, |_| Ok(()))
            .await;
        assert!(matches!(made.unwrap_err(), GitError::Occupied { .. }));
        assert!(bench.path("clone/precious").exists());
    }
}
