//! A delivery: the result that the client gets.

use jiff::Timestamp;

use crate::ids::ProjectId;
use crate::ids::commit::CommitId;

/// A delivered repository and its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub project: ProjectId,
    pub commit: CommitId,
    pub tag: String,
    /// The path of the `git bundle`.
    pub bundle: String,
    /// The bundle's SHA-256, in hexadecimal.
    pub bundle_sha256: String,
    /// The path of the dossier as JSON.
    pub dossier_json: String,
    /// The path of the dossier as a page.
    pub dossier_html: String,
    pub created_at: Timestamp,
}
