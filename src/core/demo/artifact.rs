//! Artifacts: files that document the work, such as a screenshot.

use jiff::Timestamp;

use crate::ids::{AgentId, ArtifactId, ProjectId};

/// A file that documents the work. Its content is stored under its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub id: ArtifactId,
    pub project: ProjectId,
    /// `None` for the orchestrator.
    pub agent: Option<AgentId>,
    /// `demo 2`, or the key of a task.
    pub subject: String,
    /// For example `image/png`.
    pub media_type: String,
    /// SHA-256 of the content in hexadecimal.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: u32,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The URL of the captured page.
    pub url: String,
    /// The page's own title, which is untrusted.
    pub title: String,
    pub created_at: Timestamp,
}

impl Artifact {
    /// Returns the number of the demo that it is about.
    pub fn demo_number(&self) -> Option<u32> {
        self.subject.strip_prefix("demo ")?.parse().ok()
    }
}

/// Returns what artifacts about a demo have as their subject.
pub fn demo_subject(number: u32) -> String {
    format!("demo {number}")
}
