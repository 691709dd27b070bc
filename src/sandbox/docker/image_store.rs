//! Listing and removing the agent images of an engine.

use std::collections::{HashMap, HashSet};

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ImageSummary;
use bollard::query_parameters::{ListContainersOptions, ListImagesOptions, RemoveImageOptions};

use super::engine::DockerEngine;
use super::image::{ImageVariant, LABEL_IMAGE, current_origin, image_origin};
use crate::docker_error::DockerError;

/// An image that some version of this program built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    pub id: String,
    /// The names; empty once a newer image has taken them.
    pub names: Vec<String>,
    /// `shell` or `bare`.
    pub variant: String,
    /// The version and the digest of the Dockerfile that it was built from.
    pub origin: String,
    /// Seconds since 1970.
    pub created: i64,
    /// The size in bytes, including layers that it shares with other images.
    pub size: u64,
    /// Whether this version uses it.
    pub is_current: bool,
    /// Whether a container, running or not, was created from it.
    pub is_used: bool,
}

/// Returns the images that any version of this program built, newest first.
pub async fn list_images(engine: &DockerEngine) -> Result<Vec<StoredImage>, DockerError> {
    let client = engine.connect()?;
    let filters = HashMap::from([("label".to_owned(), vec![LABEL_IMAGE.to_owned()])]);
    let options = ListImagesOptions {
        filters: Some(filters),
        ..ListImagesOptions::default()
    };
    let found = client.list_images(Some(options)).await;
    let found = found.map_err(|error| engine.request_error("list images", &error))?;
    let used = used_image_ids(engine).await?;
    let mut images: Vec<StoredImage> = found
        .into_iter()
        .map(|image| stored_image(image, &used))
        .collect();
    images.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
    Ok(images)
}

fn stored_image(image: ImageSummary, used: &HashSet<String>) -> StoredImage {
    let ours = |name: &String| {
        let mut variants = ImageVariant::ALL.iter();
        variants.any(|variant| name == variant.image())
    };
    let origin = image_origin(&image.labels);
    let mut names = image.repo_tags;
    names.retain(|name| name != "<none>:<none>");
    StoredImage {
        is_current: origin == current_origin() && names.iter().any(ours),
        is_used: used.contains(&image.id),
        variant: image.labels.get(LABEL_IMAGE).cloned().unwrap_or_default(),
        id: image.id,
        created: image.created,
        size: u64::try_from(image.size).unwrap_or(0),
        origin,
        names,
    }
}

async fn used_image_ids(engine: &DockerEngine) -> Result<HashSet<String>, DockerError> {
    let options = ListContainersOptions {
        all: true,
        ..ListContainersOptions::default()
    };
    let containers = engine.connect()?.list_containers(Some(options)).await;
    let containers = containers.map_err(|error| engine.request_error("list containers", &error))?;
    Ok(containers
        .into_iter()
        .filter_map(|container| container.image_id)
        .collect())
}

/// Removes images that no container was created from: those that this version does not use, or with
/// `all` also those that it does. Returns the removed images.
pub async fn prune_images(
    engine: &DockerEngine,
    all: bool,
) -> Result<Vec<StoredImage>, DockerError> {
    let client = engine.connect()?;
    let mut removed = Vec::new();
    for image in list_images(engine).await? {
        if image.is_used || (image.is_current && !all) {
            continue;
        }
        if remove_image(engine, &client, &image).await? {
            removed.push(image);
        }
    }
    Ok(removed)
}

/// Removes an image by its names: removing it by force would remove names that other users gave it as
/// well. Returns whether it is gone.
async fn remove_image(
    engine: &DockerEngine,
    client: &Docker,
    image: &StoredImage,
) -> Result<bool, DockerError> {
    let handles = if image.names.is_empty() {
        std::slice::from_ref(&image.id)
    } else {
        &image.names
    };
    let mut gone = true;
    for handle in handles {
        let removed = client.remove_image(handle, None::<RemoveImageOptions>, None);
        match removed.await {
            Ok(_) => {}
            Err(error) => match status_code(&error) {
                Some(404) => {}
                // A container uses it by now, or another image is built on it.
                Some(409) => gone = false,
                _ => return Err(engine.request_error("remove an image", &error)),
            },
        }
    }
    Ok(gone)
}

fn status_code(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
