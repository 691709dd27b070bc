//! Creates and opens the project's bare repository.

pub(crate) mod fast_import;
pub(crate) mod fence;
pub(crate) mod history;
pub(crate) mod merge;
pub(crate) mod ref_locks;
pub(crate) mod refs;
pub(crate) mod tag;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::error::{GitError, run_blocking};
use crate::git_command::GitCommand;
use crate::git_program::GitProgram;
use crate::remove_tree::remove_tree;
use eklavya_core::redactor::Redactor;

/// Appended to the configuration that `git init` writes.
const CONFIGURATION: &str = "\
[core]
	hooksPath = /dev/null
	fsmonitor = false
	attributesFile = /dev/null
	excludesFile = /dev/null
	# What the database refers to must survive a power cut.
	fsync = committed,pack-metadata,reference
	# Writers wait for one another (milliseconds).
	filesRefLockTimeout = 10000
	packedRefsTimeout = 10000
[transfer]
	fsckObjects = true
[uploadpack]
	# Clones for agents start at any commit, not only at the tip of a branch.
	allowAnySHA1InWant = true
[gc]
	auto = 0
[fetch]
	recurseSubmodules = false
";

/// Overrides agents' `.gitattributes`: bytes are recorded unchanged, without conversions, filters
/// or merge drivers. (`-working-tree-encoding` would make git fail.)
pub(crate) const ATTRIBUTES: &str = "* -text !crlf !eol -ident -filter !working-tree-encoding \
     !diff !merge !conflict-marker-size !delta\n";

const SCRATCH: &str = "eklavya-scratch";

/// The bare repository of a project. Cheap to clone; all clones refer to the same directory.
#[derive(Debug, Clone)]
pub struct ProjectRepository {
    git: GitProgram,
    path: PathBuf,
    /// The object that `refs/eklavya/fence` must point to for this value to change a reference.
    fence: Option<String>,
    /// Finds the secrets that must not become part of it.
    redactor: Redactor,
}

impl ProjectRepository {
    /// Creates the bare repository at the absolute `path` unless it exists, and opens it.
    ///
    /// It is created under a temporary name and renamed when complete, so a crash leaves no partial
    /// repository. Concurrent calls are safe.
    pub async fn create(git: GitProgram, path: &Path) -> Result<Self, GitError> {
        if path.join("HEAD").is_file() {
            return Self::open(git, path).await;
        }
        let making = create_unfinished(path).await?;
        git.command(&making, "init")
            .args(["--quiet", "--bare", "--template="])
            .args(["--initial-branch=main", "."])
            .stdout()
            .await?;
        let (from, to) = (making.clone(), path.to_owned());
        let placed = run_blocking(move || {
            configure_repository(&from).and_then(|()| rename_into_place(&from, &to))
        })
        .await;
        match placed {
            // Another process was faster.
            Err(GitError::Occupied { .. }) if path.join("HEAD").is_file() => {
                remove_tree(&making).await?;
            }
            placed => placed?,
        }
        Self::open(git, path).await
    }

    /// Opens the bare repository at the absolute `path`.
    pub async fn open(git: GitProgram, path: &Path) -> Result<Self, GitError> {
        let missing = || GitError::NoRepository {
            path: path.to_owned(),
        };
        if !path.join("HEAD").is_file() || !path.join(SCRATCH).is_dir() {
            return Err(missing());
        }
        let repository = Self {
            git,
            path: path.to_owned(),
            fence: None,
            redactor: Redactor::default(),
        };
        let bare = repository
            .git_command("rev-parse")
            .arg("--is-bare-repository")
            .text()
            .await?;
        if bare == "true" {
            Ok(repository)
        } else {
            Err(missing())
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the leftovers of operations that were killed. No other operation may run on the
    /// repository meanwhile: call it after taking the project's lease.
    pub async fn remove_leftovers(&self) -> Result<(), GitError> {
        ref_locks::remove_stale_locks(&self.path).await?;
        remove_unfinished(&self.path).await?;
        let path = self.path.clone();
        run_blocking(move || {
            remove_entries(&path.join(SCRATCH), "")?;
            remove_entries(&path.join("objects/pack"), "tmp_")?;
            remove_entries(&path, "fast_import_crash_")
        })
        .await
    }

    /// Returns the repository with a redactor, whose secrets it does not accept.
    pub fn with_redactor(self, redactor: Redactor) -> Self {
        Self { redactor, ..self }
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Returns the same repository, which changes references only while the fence is `id`.
    pub(crate) fn with_fence(&self, id: String) -> Self {
        Self {
            fence: Some(id),
            ..self.clone()
        }
    }

    pub(crate) fn fence(&self) -> Option<&str> {
        self.fence.as_deref()
    }

    pub(crate) fn git(&self) -> &GitProgram {
        &self.git
    }

    /// Returns the git subcommand `what` on this repository.
    pub(crate) fn git_command(&self, what: &str) -> GitCommand {
        self.git
            .command(&self.path, what)
            .env("GIT_DIR", &self.path)
    }

    /// Creates a scratch directory for one operation, on the repository's file system.
    pub(crate) fn create_scratch_dir(&self) -> Result<TempDir, GitError> {
        let place = self.path.join(SCRATCH);
        TempDir::new_in(&place).map_err(GitError::io("make a directory in", &place))
    }
}

/// The prefix of temporary names for `path`.
fn unfinished_prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.making")
}

/// Creates an empty directory with a unique name beside `path`.
pub(crate) async fn create_unfinished(path: &Path) -> Result<PathBuf, GitError> {
    let name = format!("{}-{:016x}", unfinished_prefix(path), rand::random::<u64>());
    let sibling = path.with_file_name(name);
    run_blocking(move || {
        fs::create_dir_all(&sibling).map_err(GitError::io("make", &sibling))?;
        Ok(sibling)
    })
    .await
}

/// Removes the unfinished temporary directories of `path`.
pub async fn remove_unfinished(path: &Path) -> Result<(), GitError> {
    let (name, place) = (unfinished_prefix(path), path.with_file_name(""));
    let entries = match fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(GitError::io("read", &place)(why)),
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&name) {
            remove_tree(&entry.path()).await?;
        }
    }
    Ok(())
}

/// Renames `from` to `to`, unless `to` exists.
pub(crate) fn rename_into_place(from: &Path, to: &Path) -> Result<(), GitError> {
    match fs::rename(from, to) {
        Err(why)
            if matches!(
                why.kind(),
                io::ErrorKind::DirectoryNotEmpty
                    | io::ErrorKind::AlreadyExists
                    | io::ErrorKind::NotADirectory
            ) =>
        {
            Err(GitError::Occupied {
                path: to.to_owned(),
            })
        }
        other => other.map_err(GitError::io("put in place", to)),
    }
}

fn configure_repository(path: &Path) -> Result<(), GitError> {
    let make = |name: &str| {
        let directory = path.join(name);
        fs::create_dir_all(&directory).map_err(GitError::io("make", &directory))
    };
    make("hooks")?;
    make("info")?;
    make(SCRATCH)?;
    let config = path.join("config");
    let written = fs::read_to_string(&config).map_err(GitError::io("read", &config))?;
    fs::write(&config, written + CONFIGURATION).map_err(GitError::io("write", &config))?;
    let attributes = path.join("info/attributes");
    fs::write(&attributes, ATTRIBUTES).map_err(GitError::io("write", &attributes))
}

/// Removes the entries of `directory` whose names start with `prefix`.
pub(crate) fn remove_entries(directory: &Path, prefix: &str) -> Result<(), GitError> {
    let unreadable = || GitError::io("read", directory);
    for entry in fs::read_dir(directory).map_err(unreadable())? {
        let entry = entry.map_err(unreadable())?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let path = entry.path();
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            }
            .map_err(GitError::io("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{GitError, ProjectRepository, remove_unfinished};
    use crate::test_repo::TestRepo;
    use std::fs;

    #[tokio::test]
    async fn creating_again_opens_the_repository_or_replaces_an_unfinished_one() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1")]).await;
        repo.repository
            .set_ref("refs/heads/main", &base)
            .await
            .unwrap();
        let git = repo.repository.git().clone();
        let again = ProjectRepository::create(git.clone(), repo.repository.path())
            .await
            .unwrap();
        assert_eq!(again.branch_tip("main").await.unwrap(), Some(base));

        let other = repo.path("other.git");
        fs::create_dir_all(repo.path(".other.git.making/objects")).unwrap();
        fs::write(repo.path(".other.git.making/HEAD"), "half").unwrap();
        let made = ProjectRepository::create(git.clone(), &other)
            .await
            .unwrap();
        assert_eq!(made.branch_tip("main").await.unwrap(), None);
        remove_unfinished(&other).await.unwrap();
        assert!(!repo.path(".other.git.making").exists());
        let head = fs::read_to_string(other.join("HEAD")).unwrap();
        assert_eq!(head, "ref: refs/heads/main\n");
        assert_eq!(fs::read_dir(other.join("hooks")).unwrap().count(), 0);
        let config = fs::read_to_string(other.join("config")).unwrap();
        assert!(config.contains("hooksPath = /dev/null") && config.contains("fsckObjects = true"));
    }

    #[tokio::test]
    async fn other_directories_are_neither_opened_nor_overwritten() {
        let repo = TestRepo::new().await;
        let git = repo.repository.git().clone();
        let place = repo.path("place");
        fs::create_dir(&place).unwrap();
        let opened = ProjectRepository::open(git.clone(), &place).await;
        assert!(matches!(opened.unwrap_err(), GitError::NoRepository { .. }));
        fs::write(place.join("precious"), "x").unwrap();
        let made = ProjectRepository::create(git, &place).await;
        assert!(matches!(made.unwrap_err(), GitError::Occupied { .. }));
        assert!(place.join("precious").exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn concurrent_creations_of_a_repository_all_succeed() {
        let repo = TestRepo::new().await;
        let (git, other) = (repo.repository.git().clone(), repo.path("other.git"));
        let mut makers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (git, other) = (git.clone(), other.clone());
            makers.spawn(async move { ProjectRepository::create(git, &other).await.map(|_| ()) });
        }
        for made in makers.join_all().await {
            made.unwrap();
        }
    }

    #[tokio::test]
    async fn remove_leftovers_removes_only_files_of_killed_operations() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1")]).await;
        let path = repo.repository.path();
        fs::create_dir_all(path.join("eklavya-scratch/dead/objects")).unwrap();
        fs::create_dir_all(path.join("objects/pack")).unwrap();
        fs::write(path.join("objects/pack/tmp_pack_x"), "x").unwrap();
        fs::create_dir_all(path.join("refs/eklavya")).unwrap();
        fs::write(path.join("refs/eklavya/fence.lock"), "").unwrap();
        repo.repository.remove_leftovers().await.unwrap();
        assert!(!path.join("refs/eklavya/fence.lock").exists());
        assert_eq!(
            fs::read_dir(path.join("eklavya-scratch")).unwrap().count(),
            0
        );
        assert!(!path.join("objects/pack/tmp_pack_x").exists());
        assert_eq!(repo.repository.list_files(&base).await.unwrap(), ["a"]);
    }
}
