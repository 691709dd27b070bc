//! Records the responses of a model as a script that can be played again.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::script::{FORMAT_VERSION, RehearsalScript, ScriptDocument, ScriptError, ScriptPart};
use super::step::ScriptStep;
use eklavya_core::agent::role::Role;

/// The agent of the recorded responses: role, task and attempt.
pub(super) type RecordingKey = (Role, String, u32);

/// Writes a script during a run; the file is complete and playable after every response.
#[derive(Debug)]
pub struct RehearsalRecorder {
    file: PathBuf,
    parts: Mutex<BTreeMap<RecordingKey, Vec<ScriptStep>>>,
}

impl RehearsalRecorder {
    /// Returns a recorder that writes `file`. An existing recording is continued, so that
    /// consecutive commands record one script.
    ///
    /// # Errors
    /// The file exists and is not a recording; it is not overwritten.
    pub fn open(file: &Path) -> Result<Self, ScriptError> {
        let mut parts = BTreeMap::new();
        if file.exists() {
            for part in RehearsalScript::load(file)?.into_document().agents {
                parts.insert(recording_key(file, &part)?, part.steps);
            }
        }
        let recorder = Self {
            file: file.to_owned(),
            parts: Mutex::new(parts),
        };
        recorder
            .write(&recorder.document())
            .map_err(|source| ScriptError::Write {
                file: file.to_owned(),
                source,
            })?;
        Ok(recorder)
    }

    /// Adds a response. A failure is only logged: the run matters more than its recording.
    pub(super) fn add_step(&self, key: RecordingKey, step: ScriptStep) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.entry(key).or_default().push(step);
        let document = build_document(&parts);
        // Written under the lock, so that an older state never replaces a newer one.
        if let Err(error) = self.write(&document) {
            tracing::error!(file = %self.file.display(), %error, "cannot write the recording");
        }
    }

    fn document(&self) -> ScriptDocument {
        build_document(&self.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, document: &ScriptDocument) -> io::Result<()> {
        let text = serde_yaml::to_string(document).map_err(io::Error::other)?;
        let dir = match self.file.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_data()?;
        file.persist(&self.file)?;
        Ok(())
    }
}

fn build_document(parts: &BTreeMap<RecordingKey, Vec<ScriptStep>>) -> ScriptDocument {
    let agents = parts
        .iter()
        .map(|((role, task, attempt), steps)| ScriptPart {
            role: *role,
            task: Some(task.clone()),
            attempt: Some(*attempt),
            steps: steps.clone(),
        });
    ScriptDocument {
        rehearsal: FORMAT_VERSION,
        description: Some("Recorded from a live run.".to_owned()),
        agents: agents.collect(),
    }
}

fn recording_key(file: &Path, part: &ScriptPart) -> Result<RecordingKey, ScriptError> {
    match (&part.task, part.attempt) {
        (Some(task), Some(attempt)) if !task.contains(['*', '?']) => {
            Ok((part.role, task.clone(), attempt))
        }
        _ => Err(ScriptError::Invalid {
            file: file.to_owned(),
            reason: format!(
                "it was not recorded (an entry of role {} names no task or attempt), so it is not overwritten",
                part.role
            ),
        }),
    }
}
