//! Artifacts: files that show something about the work, such as a picture of a page.

use jiff::Timestamp;

use crate::ids::{AgentId, ArtifactId, ProjectId};

/// A file that shows something; its content is kept by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its identity.
    pub id: ArtifactId,
    /// Whose.
    pub project: ProjectId,
    /// Who made it; nobody: the orchestrator.
    pub agent: Option<AgentId>,
    /// What it is about: `demo 2`, or the key of a task.
    pub subject: String,
    /// What it is, e.g. `image/png`.
    pub media_type: String,
    /// SHA-256 of the content in hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u32,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The address of the page that it shows.
    pub url: String,
    /// That page's title, in its own words.
    pub title: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Returns what artifacts about a demo have as their subject.
pub fn demo_subject(number: u32) -> String {
    format!("demo {number}")
}
