//! A project's repository and an agent's clone in a sandbox, whose work is collected as the product
//! does it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use eklavya_git::{
    CommitId, GitIdentity, GitProgram, GitSignature, ImportLimits, ImportOutcome, MergeOutcome,
    ProjectRepository, SnapshotLimits, WorkTreeSnapshot, bundle_argv,
};
use eklavya_sandbox::{
    KernelRequirements, MountAccess, ProgramSpec, Sandbox, SandboxProfile, SandboxSpec,
    SandboxUser, StdioStreams, WorkspaceDirs, chown_tree, is_root,
};
use tempfile::TempDir;

const AGENT: &str = "refs/eklavya/agents/one";

/// A project and one agent's clone of it.
pub struct CloneFixture {
    directory: TempDir,
    pub repository: ProjectRepository,
    pub dirs: WorkspaceDirs,
    pub base: CommitId,
    sandbox: Sandbox,
    user: Option<SandboxUser>,
}

/// The results of collecting an agent's work.
#[derive(Debug)]
pub struct CollectedWork {
    pub imported: ImportOutcome,
    pub snapshot: WorkTreeSnapshot,
    /// The tip of main after the merge.
    pub main: CommitId,
}

impl CloneFixture {
    pub async fn open() -> Self {
        let user = is_root().then_some(SandboxUser {
            uid: 70_002,
            gid: 70_002,
        });
        let exe = eklavya_testkit::program::eklavya_program();
        let path = OsStr::new("/usr/bin:/bin");
        let sandbox = Sandbox::probe_bubblewrap(path, exe, user, KernelRequirements::default());
        let sandbox = sandbox.await.unwrap();
        // Not below /tmp, because the sandbox has its own /tmp.
        let parent = tempfile::tempdir_in("/var/tmp").unwrap();
        let git = GitProgram::at(Path::new("/usr/bin/git")).await.unwrap();
        let repository = ProjectRepository::create(git, &parent.path().join("repo.git"))
            .await
            .unwrap();
        let files: [(&str, &[u8]); 3] = [
            ("a.txt", b"one\n"),
            ("docs/b.txt", b"two\n"),
            ("$Id$.txt", b"$Id$\n"),
        ];
        let base = repository
            .commit_files("main", None, &files, &signature(), "Begin")
            .await
            .unwrap();
        let dirs = WorkspaceDirs::below(&parent.path().join("work"));
        dirs.create(user).unwrap();
        let identity = GitIdentity::new("Agent One", "one@localhost");
        repository
            .clone_for_agent(&dirs.clone, &base, "work", &identity, |_| Ok(()))
            .await
            .unwrap();
        if let Some(user) = user {
            chown_tree(&dirs.clone, user).unwrap();
        }
        Self {
            user: sandbox.effective_user(user),
            directory: parent,
            repository,
            dirs,
            base,
            sandbox,
        }
    }

    /// Returns a path in the clone.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dirs.clone.join(name)
    }

    /// Returns a path of the host outside the clone.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of the clone.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Appends to a file of the clone.
    pub fn append(&self, name: &str, content: &str) {
        let old = fs::read_to_string(self.path(name)).unwrap_or_default();
        self.write(name, old + content);
    }

    /// Writes a program that creates a marker file when it runs, and returns its path.
    pub fn write_canary(&self) -> String {
        let (program, mark) = (self.outside("canary"), self.outside("mark"));
        let text = format!("#!/bin/sh\ntouch '{}'\n", mark.display());
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program.display().to_string()
    }

    /// Installs the canary as a hook of the clone.
    pub fn write_canary_hook(&self, name: &str) {
        let hook = self.path(".git/hooks").join(name);
        let _ = fs::remove_file(&hook);
        symlink(self.write_canary(), hook).unwrap();
    }

    /// Whether the canary ran; resets it.
    pub fn take_canary_mark(&self) -> bool {
        fs::remove_file(self.outside("mark")).is_ok()
    }

    /// Runs git in the clone as a careless person on the host would; it may fail.
    pub fn host_git(&self, arguments: &[&str]) -> Output {
        self.host_git_in(&self.dirs.clone, arguments)
    }

    /// Runs git as a careless person on the host would; it may fail.
    #[expect(
        clippy::disallowed_methods,
        reason = "the attempt works if a user does this"
    )]
    pub fn host_git_in(&self, directory: &Path, arguments: &[&str]) -> Output {
        Command::new("/usr/bin/git")
            .args(["-c", "safe.directory=*"])
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs git in the clone; it must succeed.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.host_git(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Returns the names of all references of the project's repository.
    pub fn refs(&self) -> BTreeSet<String> {
        let listed = ["for-each-ref", "--format=%(refname)"];
        let listed = self.host_git_in(self.repository.path(), &listed).stdout;
        let listed = String::from_utf8(listed).unwrap();
        listed.lines().map(str::to_owned).collect()
    }

    /// Commits everything in the clone.
    #[track_caller]
    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Collects the agent's work as the product does: git packs the commits in a sandbox, the
    /// bundle is imported, the files are recorded, and the result is merged, checked out, compared
    /// and bundled.
    pub async fn collect(&self) -> CollectedWork {
        let imported = self.import_bundle().await;
        let tip = match &imported {
            ImportOutcome::History(tip) => tip.clone(),
            _ => self.base.clone(),
        };
        let snapshot = self
            .repository
            .snapshot(
                &self.dirs.clone,
                &tip,
                AGENT,
                &signature(),
                "Files",
                SnapshotLimits::default(),
            )
            .await
            .unwrap();
        let main = self.merge_into_main(&snapshot.commit).await;
        let out = self.outside("out");
        self.repository.checkout_tree(&main, &out).await.unwrap();
        self.repository
            .changed_files(&self.base, &main)
            .await
            .unwrap();
        self.repository
            .log(Some(&self.base), &main, 99)
            .await
            .unwrap();
        let bundle = self.outside("delivery.bundle");
        self.repository
            .write_bundle(&bundle, &["refs/heads/main"])
            .await
            .unwrap();
        self.assert_sound();
        CollectedWork {
            imported,
            snapshot,
            main,
        }
    }

    /// Packs the agent's commits in a sandbox and imports the bundle.
    async fn import_bundle(&self) -> ImportOutcome {
        let bundle = self.outside("agent.bundle");
        let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Read), &self.dirs);
        spec.user = self.user;
        let inner = ProgramSpec::new("/usr/bin/env", bundle_argv(&self.base));
        let inner = inner.env("PATH", "/usr/bin:/bin");
        let streams = StdioStreams {
            stdin: Stdio::null(),
            stdout: File::create(&bundle).unwrap().into(),
            stderr: Stdio::null(),
        };
        let mut child = self.sandbox.spawn(&spec, inner, streams).await.unwrap();
        child.wait().await.unwrap();
        let limits = ImportLimits::default();
        self.repository
            .import_bundle(&bundle, &self.base, AGENT, limits)
            .await
            .unwrap()
    }

    async fn merge_into_main(&self, work: &CommitId) -> CommitId {
        let identity = signature();
        let merged = self.repository.merge(&self.base, work, &identity, "Merge");
        let main = match merged.await.unwrap() {
            MergeOutcome::AlreadyMerged => self.base.clone(),
            MergeOutcome::Clean(commit) | MergeOutcome::FastForward(commit) => commit,
            MergeOutcome::Conflict { paths, .. } => panic!("{paths:?} are in conflict"),
        };
        self.repository
            .set_ref("refs/heads/main", &main)
            .await
            .unwrap();
        main
    }

    /// Asserts that git finds no fault in the project's repository, and that no hook, alternate or
    /// setting of the agent is in it.
    #[track_caller]
    pub fn assert_sound(&self) {
        let repository = self.repository.path();
        let strict = self.host_git_in(repository, &["fsck", "--strict", "--no-dangling"]);
        assert!(strict.status.success(), "{strict:?}");
        assert!(!repository.join("objects/info/alternates").exists());
        assert!(!repository.join("shallow").exists());
        assert_eq!(fs::read_dir(repository.join("hooks")).unwrap().count(), 0);
        let config = fs::read_to_string(repository.join("config")).unwrap();
        assert!(!config.contains("canary"), "{config}");
    }

    /// Collects the work and asserts that no program of the agent ran on the host.
    pub async fn assert_harmless(&self) -> CollectedWork {
        let taken = self.collect().await;
        assert!(
            !self.take_canary_mark(),
            "a program of the agent ran on the host"
        );
        taken
    }

    /// Returns the content of a file in the checkout of main.
    pub fn checked_out_file(&self, name: &str) -> Vec<u8> {
        fs::read(self.outside("out").join(name)).unwrap()
    }
}

pub fn signature() -> GitSignature {
    let now = jiff::Timestamp::from_second(1_770_000_000).unwrap();
    GitIdentity::orchestrator().at(now)
}
