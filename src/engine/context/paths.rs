//! The layout of the data directory.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use uuid::Uuid;

use eklavya_core::ids::{AgentId, SessionId};
use eklavya_core::project::Project;

#[derive(Debug, Clone)]
pub struct DataDirectoryPaths {
    home: PathBuf,
}

impl DataDirectoryPaths {
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// Returns the data directory's identity, a name that no other data directory has, wherever it is.
    /// Creates it if it does not exist.
    pub fn ensure_identity(&self) -> io::Result<String> {
        let file = self.home.join("identity");
        loop {
            match fs::read_to_string(&file) {
                Ok(text) => return Ok(text.trim().to_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let mut created = tempfile::NamedTempFile::new_in(&self.home)?;
            writeln!(created, "{}", Uuid::new_v4())?;
            match created.persist_noclobber(&file) {
                Ok(_) => {}
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.error),
            }
        }
    }

    /// The directory of the files that Docker containers need while they run.
    pub(crate) fn containers(&self) -> PathBuf {
        self.home.join("containers")
    }

    pub fn project(&self, project: &Project) -> ProjectPaths {
        ProjectPaths {
            root: self.home.join("projects").join(&project.slug),
        }
    }
}

/// The layout of one project's directory.
#[derive(Debug, Clone)]
pub struct ProjectPaths {
    pub(crate) root: PathBuf,
}

impl ProjectPaths {
    /// The bare repository, which only the orchestrator writes.
    pub fn repository(&self) -> PathBuf {
        self.root.join("repo.git")
    }

    /// The directory of all sessions.
    pub(crate) fn sessions(&self) -> PathBuf {
        self.root.join("work")
    }

    /// The directory of a session: clone, home, tmp and door.
    pub(crate) fn session(&self, session: SessionId) -> PathBuf {
        self.sessions().join(session.to_string())
    }

    /// The directory of throwaway workspaces.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// The transcript of an agent, which the agent cannot reach.
    pub(crate) fn transcript(&self, agent: AgentId) -> PathBuf {
        self.root.join("transcripts").join(format!("{agent}.jsonl"))
    }

    /// The directory of a demo's preview.
    pub(crate) fn demo(&self, number: u32) -> PathBuf {
        self.root.join("demos").join(number.to_string())
    }

    /// The directory of artifacts, whose files are named by their digests.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    pub(crate) fn delivery(&self) -> PathBuf {
        self.root.join("delivery")
    }
}
