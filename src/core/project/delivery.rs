//! A delivery: what the client gets.

use jiff::Timestamp;

use crate::ids::ProjectId;
use crate::ids::commit::CommitId;

/// What was delivered, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose.
    pub project: ProjectId,
    /// The delivered commit.
    pub commit: CommitId,
    /// Its tag.
    pub tag: String,
    /// The path of the `git bundle`.
    pub bundle: String,
    /// The bundle's SHA-256, in hexadecimal.
    pub bundle_sha256: String,
    /// The path of the dossier as JSON.
    pub dossier_json: String,
    /// The path of the dossier as a page.
    pub dossier_html: String,
    /// When.
    pub created_at: Timestamp,
}
