//! The workspace in which the permissions of a role are tested: a clone, and files that must be out of its
//! reach, in a sandbox like that of its agents.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::access_probe::{AccessProbe, HostKind, ProbeOutcome};
use super::probes::ProbeTargets;
use super::{NAME, create_test_dir};
use crate::error::SandboxError;
use crate::inside::door::PROXY_LOGIN;
use crate::protection_layer::ProtectionLayer;
use crate::run::sandbox::Sandbox;
use crate::spec::{ProgramSpec, SandboxProfile, SandboxSpec};
use crate::user::SandboxUser;
use crate::workspace_dirs::{WorkspaceDirs, chown_tree};
use eklavya_core::agent::role::Role;

/// The argument that selects the probes of a role.
pub(crate) const ROLE: &str = "role";

/// A small workspace, and next to it the files that must be out of reach.
#[derive(Debug)]
pub struct TestWorkspace {
    directory: TempDir,
    pub role: Role,
    pub dirs: WorkspaceDirs,
    user: Option<SandboxUser>,
    /// Layers that are left out, for tests that show the findings without them.
    #[doc(hidden)]
    pub disabled_layers: Vec<ProtectionLayer>,
    /// A port of the host that must not be reachable.
    listener: TcpListener,
}

/// The hosts beyond the door of a role.
#[derive(Debug)]
pub struct ReachableHosts {
    /// The login of the door's proxy: `user:password`.
    pub login: String,
    /// Hosts with ports. Their servers respond with [`super::ANSWER`].
    pub hosts: Vec<(HostKind, String)>,
}

impl TestWorkspace {
    /// Creates a workspace for `role` in a temporary directory below `parent`. Its processes run as
    /// `user` if the caller is root.
    ///
    /// # Errors
    /// Its files cannot be created.
    pub fn new(
        sandbox: &Sandbox,
        role: Role,
        user: Option<SandboxUser>,
        parent: &Path,
    ) -> Result<Self, SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let directory = create_test_dir(parent).map_err(prepare)?;
        let dirs = WorkspaceDirs::below(&directory.path().join("work"));
        let owner = sandbox.effective_user(user);
        dirs.create(owner)?;
        create_clone(&dirs.clone).map_err(prepare)?;
        if let Some(owner) = owner {
            chown_tree(&dirs.clone, owner)?;
        }
        let workspace = Self {
            directory,
            role,
            dirs,
            user,
            disabled_layers: Vec::new(),
            listener: TcpListener::bind("127.0.0.1:0").map_err(prepare)?,
        };
        workspace.create_secret().map_err(prepare)?;
        Ok(workspace)
    }

    /// Creates a directory and a file that every user may access, so that only the sandbox protects them.
    fn create_secret(&self) -> io::Result<()> {
        let outside = self.outside_path();
        fs::create_dir(&outside)?;
        fs::set_permissions(&outside, Permissions::from_mode(0o777))?;
        fs::write(self.secret_path(), "secret")
    }

    fn outside_path(&self) -> PathBuf {
        self.directory.path().join("outside")
    }

    /// Returns the file that must be out of reach.
    pub(crate) fn secret_path(&self) -> PathBuf {
        self.outside_path().join("secret")
    }

    /// Returns the port of the machine that must be out of reach.
    pub(crate) fn port(&self) -> Result<u16, SandboxError> {
        let address = self.listener.local_addr();
        let address = address.map_err(|source| SandboxError::Prepare { source })?;
        Ok(address.port())
    }

    /// Returns the specification of a sandbox of the role's agents.
    pub(crate) fn spec(&self) -> SandboxSpec {
        let mut spec = SandboxSpec::new(SandboxProfile::Agent(self.role), &self.dirs);
        spec.user = self.user;
        spec.door = Some(self.dirs.door.clone());
        spec.disabled_layers.clone_from(&self.disabled_layers);
        spec
    }

    fn probe_program(
        &self,
        sandbox: &Sandbox,
        reachable: &ReachableHosts,
    ) -> Result<ProgramSpec, SandboxError> {
        let targets = ProbeTargets {
            outside: self.outside_path(),
            home: self.dirs.home.clone(),
            port: self.port()?,
            hosts: reachable.hosts.clone(),
        };
        let targets = serde_json::to_string(&targets);
        let targets = targets.map_err(|error| SandboxError::Prepare {
            source: error.into(),
        })?;
        let args: [OsString; 3] = [NAME.into(), ROLE.into(), targets.into()];
        Ok(ProgramSpec::new(sandbox.own_program(), args).env(PROXY_LOGIN, &reachable.login))
    }

    /// Corrects an outcome that only looks like a success: a file in a file system of the sandbox itself
    /// was not written to the machine.
    fn verify_outside(&self, outcome: ProbeOutcome) -> ProbeOutcome {
        let made = self.outside_path().join("made");
        match outcome.attempt {
            AccessProbe::WriteOutside if outcome.refused.is_none() && !made.exists() => {
                ProbeOutcome {
                    refused: Some("the file does not exist outside".to_owned()),
                    ..outcome
                }
            }
            _ => outcome,
        }
    }
}

/// Creates a clone with a repository, without running git.
fn create_clone(clone: &Path) -> io::Result<()> {
    for name in ["src", "docs", "tests"] {
        fs::create_dir(clone.join(name))?;
    }
    fs::write(clone.join("src/file"), "file")?;
    let git = clone.join(".git");
    for name in ["objects", "refs/heads", "hooks"] {
        fs::create_dir_all(git.join(name))?;
    }
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n")?;
    fs::write(
        git.join("config"),
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
    )
}

impl Sandbox {
    /// Makes all probes in a sandbox of the workspace's role. The door must be open.
    ///
    /// # Errors
    /// The sandbox could not be started.
    pub async fn probe_role(
        &self,
        workspace: &TestWorkspace,
        reachable: &ReachableHosts,
    ) -> Result<Vec<ProbeOutcome>, SandboxError> {
        let program = workspace.probe_program(self, reachable)?;
        let (stdout, stderr) = self.run_and_collect(&workspace.spec(), program).await?;
        let outcomes: Vec<ProbeOutcome> = stdout
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|outcome| workspace.verify_outside(outcome))
            .collect();
        if outcomes.is_empty() {
            return Err(SandboxError::Setup { output: stderr });
        }
        Ok(outcomes)
    }
}
