//! The ground on which a role tries: a clone and what is out of its reach, in a sandbox like that of
//! its agents.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::attempt::{Attempt, Destination, Outcome};
use super::tries::Targets;
use super::{NAME, directory_in};
use crate::Sandbox;
use crate::dirs::{Dirs, hand_over};
use crate::error::SandboxError;
use crate::guard::Guard;
use crate::init::PROXY_LOGIN;
use crate::spec::{Inner, Profile, Spec, User};
use eklavya_core::domain::role::Role;

/// The word that asks for the attempts of a role.
pub(super) const ROLE: &str = "role";

/// A small workspace, and beside it what must be out of reach.
#[derive(Debug)]
pub struct Ground {
    directory: TempDir,
    /// Whose sandbox it is.
    pub role: Role,
    /// The workspace.
    pub dirs: Dirs,
    user: Option<User>,
    /// Guards that are left out, for tests that show what is found without them.
    #[doc(hidden)]
    pub without: Vec<Guard>,
    /// Connected to by whoever gets out.
    listener: TcpListener,
}

/// What there is beyond the door of a role.
#[derive(Debug)]
pub struct Beyond {
    /// The login of the door's proxy: `user:password`.
    pub login: String,
    /// Hosts with their ports, whose servers answer with [`super::ANSWER`].
    pub hosts: Vec<(Destination, String)>,
}

impl Ground {
    /// Lays out a clone for `role` below `place`; its processes are to run as `user` where the caller
    /// is root.
    ///
    /// # Errors
    /// Its files cannot be made.
    pub fn new(
        sandbox: &Sandbox,
        role: Role,
        user: Option<User>,
        place: &Path,
    ) -> Result<Self, SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let directory = directory_in(place).map_err(prepare)?;
        let dirs = Dirs::at(&directory.path().join("work"));
        let owner = sandbox.becomes(user);
        dirs.prepare(owner)?;
        lay_out(&dirs.clone).map_err(prepare)?;
        if let Some(owner) = owner {
            hand_over(&dirs.clone, owner)?;
        }
        let ground = Self {
            directory,
            role,
            dirs,
            user,
            without: Vec::new(),
            listener: TcpListener::bind("127.0.0.1:0").map_err(prepare)?,
        };
        ground.lay_bait().map_err(prepare)?;
        Ok(ground)
    }

    /// Makes what everybody may read and write who gets there.
    fn lay_bait(&self) -> io::Result<()> {
        let outside = self.outside();
        fs::create_dir(&outside)?;
        fs::set_permissions(&outside, Permissions::from_mode(0o777))?;
        fs::write(self.secret(), "secret")
    }

    fn outside(&self) -> PathBuf {
        self.directory.path().join("outside")
    }

    /// Returns the file that must be out of reach.
    pub(super) fn secret(&self) -> PathBuf {
        self.outside().join("secret")
    }

    /// Returns the port of the machine that must be.
    pub(super) fn port(&self) -> Result<u16, SandboxError> {
        let address = self.listener.local_addr();
        let address = address.map_err(|source| SandboxError::Prepare { source })?;
        Ok(address.port())
    }

    /// Returns the sandbox of the role's agents.
    pub(super) fn spec(&self) -> Spec {
        let mut spec = Spec::new(Profile::Agent(self.role), &self.dirs);
        spec.user = self.user;
        spec.door = Some(self.dirs.door.clone());
        spec.without.clone_from(&self.without);
        spec
    }

    fn inner(&self, sandbox: &Sandbox, beyond: &Beyond) -> Result<Inner, SandboxError> {
        let targets = Targets {
            outside: self.outside(),
            home: self.dirs.home.clone(),
            port: self.port()?,
            hosts: beyond.hosts.clone(),
        };
        let targets = serde_json::to_string(&targets);
        let targets = targets.map_err(|error| SandboxError::Prepare {
            source: error.into(),
        })?;
        let args: [OsString; 3] = [NAME.into(), ROLE.into(), targets.into()];
        Ok(Inner::new(sandbox.own_program(), args).env(PROXY_LOGIN, &beyond.login))
    }

    /// Puts right what only looks as if it had worked: a file that was made in a file system of the
    /// sandbox's own is none of the machine's.
    fn seen_from_outside(&self, outcome: Outcome) -> Outcome {
        let made = self.outside().join("made");
        match outcome.attempt {
            Attempt::WriteOutside if outcome.refused.is_none() && !made.exists() => Outcome {
                refused: Some("it is not there outside".to_owned()),
                ..outcome
            },
            _ => outcome,
        }
    }
}

/// Makes a clone with a repository: nobody's git runs in what an agent may write.
fn lay_out(clone: &Path) -> io::Result<()> {
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
    pub async fn try_role(
        &self,
        ground: &Ground,
        beyond: &Beyond,
    ) -> Result<Vec<Outcome>, SandboxError> {
        let inner = ground.inner(self, beyond)?;
        let (said, complaint) = self.hear(&ground.spec(), inner).await?;
        let outcomes: Vec<Outcome> = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|outcome| ground.seen_from_outside(outcome))
            .collect();
        if outcomes.is_empty() {
            return Err(SandboxError::Setup { output: complaint });
        }
        Ok(outcomes)
    }
}
