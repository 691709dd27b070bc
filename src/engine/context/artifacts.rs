//! The files of artifacts, which are named by their digests.

use std::path::{Path, PathBuf};

use super::error::EngineError;
use super::files::write_whole;
use super::paths::{DataDirectoryPaths, ProjectPaths};
use super::site::Site;
use eklavya_core::demo::artifact::Artifact;
use eklavya_core::digest::sha256;
use eklavya_core::ids::{AgentId, ArtifactId};
use eklavya_core::project::Project;
use eklavya_sandbox::browser::{PageLocation, PageScreenshot};
use eklavya_services::artifacts;

const PNG: &str = "image/png";

/// Stores a screenshot of a page and records its artifact.
pub(crate) async fn store_screenshot(
    site: &Site,
    agent: Option<AgentId>,
    subject: &str,
    picture: &PageScreenshot,
    place: &PageLocation,
) -> Result<Artifact, EngineError> {
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
        url: site.data.redactor().redact_text(&place.url),
        title: site.data.redactor().redact_text(&place.title),
        created_at: site.data.now(),
    };
    let file = artifact_file(&site.paths, &artifact);
    let directory = site.paths.artifacts();
    std::fs::create_dir_all(&directory).map_err(EngineError::io(&directory))?;
    site.ensure_lease_held().await?;
    // The file is written before the row, so that each row has its file.
    write_whole(&file, &picture.png)?;
    artifacts::record(&site.data, &artifact).await?;
    Ok(artifact)
}

/// Returns the file of an artifact, in the data directory `home`.
pub fn artifact_path(home: &Path, project: &Project, artifact: &Artifact) -> PathBuf {
    artifact_file(&DataDirectoryPaths::new(home).project(project), artifact)
}

fn artifact_file(paths: &ProjectPaths, artifact: &Artifact) -> PathBuf {
    paths.artifacts().join(format!("{}.png", artifact.sha256))
}

/// Returns the content of an artifact, or `None` if its file is missing or has changed.
pub(crate) fn read_content(
    paths: &ProjectPaths,
    artifact: &Artifact,
) -> Result<Option<Vec<u8>>, EngineError> {
    let path = artifact_file(paths, artifact);
    match std::fs::read(&path) {
        Ok(bytes) if sha256(&bytes) == artifact.sha256 => Ok(Some(bytes)),
        Ok(_) => {
            tracing::warn!("{} is not the screenshot that was stored", path.display());
            Ok(None)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EngineError::io(&path)(error)),
    }
}
