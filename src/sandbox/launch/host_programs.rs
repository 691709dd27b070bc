//! The programs of this machine that sandboxes need.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::libraries;
use crate::error::SandboxError;

/// The programs that sandboxes need, with their libraries.
#[derive(Debug)]
pub(crate) struct HostPrograms {
    /// The `eklavya` program, for its internal subcommands.
    pub exe: PathBuf,
    pub git: Option<PathBuf>,
    /// The libraries by program; each program is inspected once.
    libraries: Mutex<HashMap<PathBuf, Vec<PathBuf>>>,
}

impl HostPrograms {
    pub(crate) fn new(exe: PathBuf, git: Option<PathBuf>) -> Self {
        Self {
            exe,
            git,
            libraries: Mutex::default(),
        }
    }

    /// Returns the libraries of `program`, see [`libraries::find_libraries`].
    pub(crate) fn cached_libraries(&self, program: &Path) -> Result<Vec<PathBuf>, SandboxError> {
        let mut known = self
            .libraries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(program) {
            return Ok(found.clone());
        }
        let found = libraries::find_libraries(program)?;
        known.insert(program.to_owned(), found.clone());
        Ok(found)
    }
}
