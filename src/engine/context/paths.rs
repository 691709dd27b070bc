//! Where everything lies in the data directory.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use uuid::Uuid;

use eklavya_core::ids::{AgentId, SessionId};
use eklavya_core::project::Project;

/// The data directory.
#[derive(Debug, Clone)]
pub struct DataDirectoryPaths {
    home: PathBuf,
}

impl DataDirectoryPaths {
    /// Returns the layout of the data directory `home`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// Returns a name that no other data directory has, whatever its path is; it is made where there
    /// is none.
    pub fn ensure_identity(&self) -> io::Result<String> {
        let file = self.home.join("identity");
        loop {
            match fs::read_to_string(&file) {
                Ok(text) => return Ok(text.trim().to_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let mut made = tempfile::NamedTempFile::new_in(&self.home)?;
            writeln!(made, "{}", Uuid::new_v4())?;
            match made.persist_noclobber(&file) {
                Ok(_) => {}
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.error),
            }
        }
    }

    /// Returns the directory of what each of Docker's containers needs while it runs.
    pub fn containers(&self) -> PathBuf {
        self.home.join("containers")
    }

    /// Returns what belongs to one project.
    pub fn project(&self, project: &Project) -> ProjectPaths {
        ProjectPaths {
            root: self.home.join("projects").join(&project.slug),
        }
    }
}

/// What belongs to one project.
#[derive(Debug, Clone)]
pub struct ProjectPaths {
    /// The directory that holds all of it.
    pub root: PathBuf,
}

impl ProjectPaths {
    /// Returns the bare repository, which only the orchestrator writes.
    pub fn repository(&self) -> PathBuf {
        self.root.join("repo.git")
    }

    /// Returns the directory of all conversations.
    pub fn sessions(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Returns the directory of a conversation: clone, home, tmp and door.
    pub fn session(&self, session: SessionId) -> PathBuf {
        self.sessions().join(session.to_string())
    }

    /// Returns a directory for a throw-away tree.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Returns the transcript of an agent, out of its reach.
    pub fn transcript(&self, agent: AgentId) -> PathBuf {
        self.root.join("transcripts").join(format!("{agent}.jsonl"))
    }

    /// Returns the directory of a demo's preview.
    pub fn demo(&self, number: u32) -> PathBuf {
        self.root.join("demos").join(number.to_string())
    }

    /// Returns the directory of artifacts, files that are named by their digests.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// Returns the directory of the delivery.
    pub fn delivery(&self) -> PathBuf {
        self.root.join("delivery")
    }
}
