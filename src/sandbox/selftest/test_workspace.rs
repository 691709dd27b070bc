//! The ground on which a role tries: a clone and what is out of its reach, in a sandbox like that of
//! its agents.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{NAME, create_test_dir};
use crate::error::SandboxError;
use crate::inside::door::PROXY_LOGIN;
use crate::protection_layer::ProtectionLayer;
use crate::run::sandbox::Sandbox;
use crate::selftest::access_probe::{AccessProbe, HostKind, ProbeOutcome};
use crate::selftest::probes::ProbeTargets;
use crate::spec::{ProgramSpec, SandboxProfile, SandboxSpec};
use crate::user::SandboxUser;
use crate::workspace_dirs::{WorkspaceDirs, chown_tree};
use eklavya_core::agent::role::Role;

/// The word that asks for the attempts of a role.
pub(crate) const ROLE: &str = "role";

/// A small workspace, and beside it what must be out of reach.
#[derive(Debug)]
pub struct TestWorkspace {
    directory: TempDir,
    /// Whose sandbox it is.
    pub role: Role,
    /// The workspace.
    pub dirs: WorkspaceDirs,
    user: Option<SandboxUser>,
    /// Guards that are left out, for tests that show what is found without them.
    #[doc(hidden)]
    pub disabled_layers: Vec<ProtectionLayer>,
    /// Connected to by whoever gets out.
    listener: TcpListener,
}

/// What there is beyond the door of a role.
#[derive(Debug)]
pub struct ReachableHosts {
    /// The login of the door's proxy: `user:password`.
    pub login: String,
    /// Hosts with their ports, whose servers answer with [`super::ANSWER`].
    pub hosts: Vec<(HostKind, String)>,
}

impl TestWorkspace {
    /// Lays out a clone for `role` below `place`; its processes are to run as `user` where the caller
    /// is root.
    ///
    /// # Errors
    /// Its files cannot be made.
    pub fn new(
        sandbox: &Sandbox,
        role: Role,
        user: Option<SandboxUser>,
        place: &Path,
    ) -> Result<Self, SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let directory = create_test_dir(place).map_err(prepare)?;
        let dirs = WorkspaceDirs::below(&directory.path().join("work"));
        let owner = sandbox.effective_user(user);
        dirs.create(owner)?;
        create_clone(&dirs.clone).map_err(prepare)?;
        if let Some(owner) = owner {
            chown_tree(&dirs.clone, owner)?;
        }
        let ground = Self {
            directory,
            role,
            dirs,
            user,
            disabled_layers: Vec::new(),
            listener: TcpListener::bind("127.0.0.1:0").map_err(prepare)?,
        };
        ground.create_secret().map_err(prepare)?;
        Ok(ground)
    }

    /// Makes what everybody may read and write who gets there.
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

    /// Returns the port of the machine that must be.
    pub(crate) fn port(&self) -> Result<u16, SandboxError> {
        let address = self.listener.local_addr();
        let address = address.map_err(|source| SandboxError::Prepare { source })?;
        Ok(address.port())
    }

    /// Returns the sandbox of the role's agents.
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
        beyond: &ReachableHosts,
    ) -> Result<ProgramSpec, SandboxError> {
        let targets = ProbeTargets {
            outside: self.outside_path(),
            home: self.dirs.home.clone(),
            port: self.port()?,
            hosts: beyond.hosts.clone(),
        };
        let targets = serde_json::to_string(&targets);
        let targets = targets.map_err(|error| SandboxError::Prepare {
            source: error.into(),
        })?;
        let args: [OsString; 3] = [NAME.into(), ROLE.into(), targets.into()];
        Ok(ProgramSpec::new(sandbox.own_program(), args).env(PROXY_LOGIN, &beyond.login))
    }

    /// Puts right what only looks as if it had worked: a file that was made in a file system of the
    /// sandbox's own is none of the machine's.
    fn verify_outside(&self, outcome: ProbeOutcome) -> ProbeOutcome {
        let made = self.outside_path().join("made");
        match outcome.attempt {
            AccessProbe::WriteOutside if outcome.refused.is_none() && !made.exists() => {
                ProbeOutcome {
                    refused: Some("it is not there outside".to_owned()),
                    ..outcome
                }
            }
            _ => outcome,
        }
    }
}

/// Makes a clone with a repository: nobody's git runs in what an agent may write.
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
    /// Returns what came of each attempt of the role whose ground it is. Its door must be open.
    ///
    /// # Errors
    /// The sandbox could not be started at all.
    pub async fn probe_role(
        &self,
        ground: &TestWorkspace,
        beyond: &ReachableHosts,
    ) -> Result<Vec<ProbeOutcome>, SandboxError> {
        let inner = ground.probe_program(self, beyond)?;
        let (said, complaint) = self.run_and_collect(&ground.spec(), inner).await?;
        let outcomes: Vec<ProbeOutcome> = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|outcome| ground.verify_outside(outcome))
            .collect();
        if outcomes.is_empty() {
            return Err(SandboxError::Setup { output: complaint });
        }
        Ok(outcomes)
    }
}
