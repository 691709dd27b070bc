//! The pictures of a delivery: those of the demos, and those of the last round of verification.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::dossier::DossierScreenshot;
use crate::context::artifacts;
use crate::context::error::EngineError;
use crate::context::files::write_whole;
use crate::context::paths::ProjectPaths;
use eklavya_core::demo::artifact::Artifact;
use eklavya_core::ids::ProjectId;
use eklavya_core::task::TaskKind;
use eklavya_services::{self as services, DataStore};

/// The most pictures of a delivery: the last one of each demo, then the first of the verification.
const MAX_PICTURES: usize = 60;
/// The most bytes of pictures inside the page; the rest are only files beside the page.
const MAX_EMBEDDED: usize = 16 * 1024 * 1024;
/// The directory of the files, below that of the delivery.
const DIRECTORY: &str = "pictures";

#[derive(Debug, Default)]
pub(crate) struct DeliveryScreenshots {
    pub entries: Vec<DossierScreenshot>,
    /// The pictures inside the page, in base64 by their digests.
    pub images: BTreeMap<String, String>,
}

/// Copies the pictures that belong to the delivery into `directory` and replaces older copies.
pub(crate) async fn copy_screenshots(
    data: &DataStore,
    project: ProjectId,
    paths: &ProjectPaths,
    round: u32,
    directory: &Path,
) -> Result<DeliveryScreenshots, EngineError> {
    let all = services::artifacts::of_project(data, project).await?;
    let verifiers = list_verify_tasks(data, project, round).await?;
    let place = directory.join(DIRECTORY);
    std::fs::create_dir_all(&place).map_err(EngineError::io(&place))?;
    let (mut pictures, mut embedded) = (DeliveryScreenshots::default(), 0);
    for artifact in select_screenshots(&all, &verifiers) {
        let Some(content) = artifacts::read_content(paths, artifact)? else {
            continue;
        };
        let name = format!("{}.png", artifact.sha256);
        write_whole(&place.join(&name), &content)?;
        embedded += content.len();
        if embedded <= MAX_EMBEDDED {
            let image = BASE64_STANDARD.encode(&content);
            pictures.images.insert(artifact.sha256.clone(), image);
        }
        pictures.entries.push(screenshot_entry(artifact, &name));
    }
    Ok(pictures)
}

/// Returns the keys of the verify tasks of a round.
async fn list_verify_tasks(
    data: &DataStore,
    project: ProjectId,
    round: u32,
) -> Result<HashSet<String>, EngineError> {
    let all = services::tasks::list(data, project).await?;
    let of_round = all.into_iter().filter(|task| {
        task.kind == TaskKind::Verify && task.subject.verification_round() == Some(round)
    });
    Ok(of_round.map(|task| task.key).collect())
}

/// Returns the last picture of each demo, and those of the given verify tasks.
fn select_screenshots<'a>(all: &'a [Artifact], verifiers: &HashSet<String>) -> Vec<&'a Artifact> {
    let mut demos: BTreeMap<&str, &Artifact> = BTreeMap::new();
    for artifact in all {
        if artifact.demo_number().is_some() {
            demos.insert(&artifact.subject, artifact);
        }
    }
    let of_round = all
        .iter()
        .filter(|artifact| verifiers.contains(&artifact.subject));
    demos
        .into_values()
        .chain(of_round)
        .take(MAX_PICTURES)
        .collect()
}

fn screenshot_entry(artifact: &Artifact, name: &str) -> DossierScreenshot {
    DossierScreenshot {
        subject: artifact.subject.clone(),
        file: format!("{DIRECTORY}/{name}"),
        sha256: artifact.sha256.clone(),
        width: artifact.width,
        height: artifact.height,
        url: artifact.url.clone(),
        title: artifact.title.clone(),
        at: artifact.created_at,
    }
}
