//! The pictures of a delivery: those of the demos, and those of the verification that counts.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::dossier::DossierScreenshot;
use crate::context::artifacts;
use crate::context::error::EngineError;
use crate::context::files::write_whole;
use crate::context::site::Site;
use eklavya_core::demo::artifact::Artifact;
use eklavya_services as services;

/// The most pictures of a delivery: the first ones of the verification, and one of each demo.
const MAX_PICTURES: usize = 60;
/// The most bytes of pictures in the page itself; what goes beyond lies beside it.
const MAX_EMBEDDED: usize = 16 * 1024 * 1024;
/// The directory of the files, in the delivery's.
const DIRECTORY: &str = "pictures";

/// Pictures of a delivery.
#[derive(Debug, Default)]
pub(crate) struct DeliveryScreenshots {
    /// What is told about each.
    pub entries: Vec<DossierScreenshot>,
    /// Those to be part of the page, in base64 by their digests.
    pub images: BTreeMap<String, String>,
}

/// Copies the pictures that belong to the delivery into `directory`, in the place of what was there.
pub(crate) async fn copy_screenshots(
    site: &Site,
    round: u32,
    directory: &Path,
) -> Result<DeliveryScreenshots, EngineError> {
    let all = services::artifacts::of_project(&site.data, site.project().id).await?;
    let place = directory.join(DIRECTORY);
    std::fs::create_dir_all(&place).map_err(EngineError::io(&place))?;
    let (mut gallery, mut embedded) = (DeliveryScreenshots::default(), 0);
    for artifact in select_screenshots(&all, round) {
        let Some(content) = artifacts::read_content(&site.paths, artifact)? else {
            continue;
        };
        let name = format!("{}.png", artifact.sha256);
        write_whole(&place.join(&name), &content)?;
        embedded += content.len();
        if embedded <= MAX_EMBEDDED {
            let image = BASE64_STANDARD.encode(&content);
            gallery.images.insert(artifact.sha256.clone(), image);
        }
        gallery.entries.push(screenshot_entry(artifact, &name));
    }
    Ok(gallery)
}

/// Returns the last picture of each demo, and those of the verifiers of a round.
fn select_screenshots(all: &[Artifact], round: u32) -> Vec<&Artifact> {
    let mut demos: BTreeMap<&str, &Artifact> = BTreeMap::new();
    for artifact in all {
        if artifact.subject.starts_with("demo ") {
            demos.insert(&artifact.subject, artifact);
        }
    }
    let verifier = format!("verify-{round}-");
    let of_round = all
        .iter()
        .filter(|artifact| artifact.subject.starts_with(&verifier));
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
