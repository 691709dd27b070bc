//! The content of artifacts: files in the project's directory that are named by their digests.

use std::path::{Path, PathBuf};

use super::error::WorkflowError;
use super::files::write_whole;
use super::paths::{Paths, ProjectPaths};
use super::site::Site;
use eklavya_core::domain::artifact::Artifact;
use eklavya_core::domain::digest::sha256;
use eklavya_core::domain::ids::{AgentId, ArtifactId};
use eklavya_core::domain::project::Project;
use eklavya_sandbox::browser::{Picture, Place};
use eklavya_services::artifacts;

/// What a picture is.
const PNG: &str = "image/png";

/// Keeps a picture of a page; returns what was noted about it.
pub(super) async fn keep(
    site: &Site,
    agent: Option<AgentId>,
    subject: &str,
    picture: &Picture,
    place: &Place,
) -> Result<Artifact, WorkflowError> {
    let artifact = Artifact {
        id: ArtifactId::random(),
        project: site.project().id,
        agent,
        subject: subject.to_owned(),
        media_type: PNG.to_owned(),
        sha256: sha256(&picture.png),
        bytes: u32::try_from(picture.png.len()).unwrap_or(u32::MAX),
        width: picture.width,
        height: picture.height,
        url: site.desk.redactor().text(&place.url),
        title: site.desk.redactor().text(&place.title),
        created_at: site.desk.now(),
    };
    let file = file(&site.paths, &artifact);
    let directory = site.paths.artifacts();
    std::fs::create_dir_all(&directory).map_err(WorkflowError::io(&directory))?;
    site.firm().await?;
    // First the file, then the row: a row always has its file.
    write_whole(&file, &picture.png)?;
    artifacts::record(&site.desk, &artifact).await?;
    Ok(artifact)
}

/// Returns the file of an artifact, in the data directory `home`.
pub fn path(home: &Path, project: &Project, artifact: &Artifact) -> PathBuf {
    file(&Paths::new(home).project(project), artifact)
}

fn file(paths: &ProjectPaths, artifact: &Artifact) -> PathBuf {
    paths.artifacts().join(format!("{}.png", artifact.sha256))
}

/// Returns the content of an artifact; nothing where the file is gone or is another one by now.
pub(super) fn content(
    paths: &ProjectPaths,
    artifact: &Artifact,
) -> Result<Option<Vec<u8>>, WorkflowError> {
    let path = file(paths, artifact);
    match std::fs::read(&path) {
        Ok(bytes) if sha256(&bytes) == artifact.sha256 => Ok(Some(bytes)),
        Ok(_) => {
            tracing::warn!("{} is not the picture that was kept", path.display());
            Ok(None)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(WorkflowError::io(&path)(error)),
    }
}
