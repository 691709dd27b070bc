//! The images that agents run in. They are built from a Dockerfile in this program; labels distinguish
//! them from the images of other versions.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::models::{BuildInfo, ImageInspect};
use bollard::query_parameters::BuildImageOptions;
use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::engine::DockerEngine;
use crate::docker_error::DockerError;

/// The Dockerfile of both images.
const DOCKERFILE: &str = include_str!("../../../docker/agent.Dockerfile");
/// The default base image.
pub const BASE_IMAGE: &str = "debian:bookworm-slim";

/// The label that names the variant of an image.
pub(super) const LABEL_IMAGE: &str = "eklavya.image";
const LABEL_VERSION: &str = "eklavya.version";
const LABEL_FILE: &str = "eklavya.dockerfile";

/// One of the two images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageVariant {
    /// Contains the programs of its base.
    Shell,
    /// Contains git and no other program.
    Bare,
}

impl ImageVariant {
    /// Both variants, in the order in which they are built.
    pub const ALL: [Self; 2] = [ImageVariant::Shell, ImageVariant::Bare];

    pub fn image(self) -> &'static str {
        match self {
            ImageVariant::Shell => "eklavya/agent:shell",
            ImageVariant::Bare => "eklavya/agent:bare",
        }
    }

    /// Returns its build stage in the Dockerfile, which is its label as well.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ImageVariant::Shell => "shell",
            ImageVariant::Bare => "bare",
        }
    }

    /// Returns the roles that it is for.
    pub(crate) fn purpose(self) -> &'static str {
        match self {
            ImageVariant::Shell => "roles with a terminal",
            ImageVariant::Bare => "roles without a terminal",
        }
    }
}

/// The ids of the images of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AgentImages {
    pub shell: String,
    pub bare: String,
}

impl AgentImages {
    /// Looks up the images of this version.
    ///
    /// # Errors
    /// An image is missing or of another version.
    pub(super) async fn find(engine: &DockerEngine) -> Result<Self, DockerError> {
        Ok(Self {
            shell: find_image_id(engine, ImageVariant::Shell).await?,
            bare: find_image_id(engine, ImageVariant::Bare).await?,
        })
    }
}

async fn find_image_id(
    engine: &DockerEngine,
    variant: ImageVariant,
) -> Result<String, DockerError> {
    let image = variant.image();
    let found = match engine.connect()?.inspect_image(image).await {
        Ok(found) => found,
        Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => return Err(DockerError::NoImage { image }),
        Err(error) => return Err(engine.request_error("inspect an image", &error)),
    };
    let (origin, wanted) = (image_origin(&labels(&found)), current_origin());
    if origin != wanted {
        return Err(DockerError::OtherImage {
            image,
            found: origin,
            wanted,
        });
    }
    found.id.ok_or(DockerError::NoImage { image })
}

fn labels(image: &ImageInspect) -> HashMap<String, String> {
    let config = image.config.as_ref();
    config
        .and_then(|config| config.labels.clone())
        .unwrap_or_default()
}

/// Returns the version and the Dockerfile digest of an image with these labels as text.
pub(super) fn image_origin(labels: &HashMap<String, String>) -> String {
    let word = |name| labels.get(name).map_or("unknown", String::as_str);
    format!("{} ({})", word(LABEL_VERSION), word(LABEL_FILE))
}

/// Returns the same text for this program.
pub(super) fn current_origin() -> String {
    format!("{} ({})", env!("CARGO_PKG_VERSION"), dockerfile_digest())
}

fn dockerfile_digest() -> String {
    eklavya_core::hex::encode(&Sha256::digest(DOCKERFILE)[..6])
}

/// Builds the image of `variant` on `base`, and calls `on_line` with each line that the engine prints.
/// Returns the image's id.
///
/// # Errors
/// The engine does not answer or stopped during the build, or a step of the Dockerfile failed.
pub async fn build_image(
    engine: &DockerEngine,
    variant: ImageVariant,
    base: &str,
    pull: PullPolicy,
    mut on_line: impl FnMut(&str),
) -> Result<String, DockerError> {
    let client = engine.connect()?;
    let context = bollard::body_full(build_context(DOCKERFILE.as_bytes()));
    let mut steps =
        std::pin::pin!(client.build_image(build_options(variant, base, pull), None, Some(context)));
    let purpose = variant.purpose();
    let failed = |reason: String| DockerError::Build { purpose, reason };
    while let Some(step) = steps.next().await {
        let text = match step {
            Ok(step) => step_text(step).map_err(failed)?,
            Err(Error::DockerStreamError { error }) => return Err(failed(error)),
            Err(Error::DockerResponseServerError { message, .. }) => return Err(failed(message)),
            Err(error) => return Err(engine.request_error("build an image", &error)),
        };
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .for_each(&mut on_line);
    }
    find_image_id(engine, variant)
        .await
        .map_err(|error| match error {
            // If the engine stops during a build, its stream ends without an error.
            DockerError::NoImage { .. } | DockerError::OtherImage { .. } => {
                failed("the engine stopped during the build".to_owned())
            }
            other => other,
        })
}

/// Returns what the engine prints about a step of the build, or why the step failed.
fn step_text(step: BuildInfo) -> Result<String, String> {
    match step.error_detail {
        Some(error) => Err(error.message.unwrap_or_default()),
        None => Ok(step.stream.or(step.status).unwrap_or_default()),
    }
}

/// When the engine pulls the base image from its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// If the engine does not have it.
    Missing,
    /// Before each build.
    Always,
}

fn build_options(variant: ImageVariant, base: &str, pull: PullPolicy) -> BuildImageOptions {
    let arguments = [
        ("BASE_IMAGE", base),
        ("EKLAVYA_VERSION", env!("CARGO_PKG_VERSION")),
        ("DOCKERFILE_DIGEST", &dockerfile_digest()),
    ];
    BuildImageOptions {
        t: Some(variant.image().to_owned()),
        target: variant.name().to_owned(),
        rm: true,
        forcerm: true,
        pull: (pull == PullPolicy::Always).then(|| "1".to_owned()),
        buildargs: Some(
            arguments
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        ),
        ..BuildImageOptions::default()
    }
}

/// Returns a tar archive that contains only the Dockerfile.
fn build_context(file: &[u8]) -> Bytes {
    const BLOCK: usize = 512;
    let mut header = [0; BLOCK];
    // POSIX.1-1988 (ustar): name, mode, owner, group, size, time, checksum, type.
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, "Dockerfile");
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", file.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(file);
    // A file fills whole blocks, and two empty blocks end the archive.
    archive.resize(archive.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    archive.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dockerfile_has_the_arguments_stages_and_labels_of_the_program() {
        for name in ["BASE_IMAGE", "EKLAVYA_VERSION", "DOCKERFILE_DIGEST"] {
            assert!(DOCKERFILE.contains(&format!("ARG {name}")), "{name}");
        }
        assert!(DOCKERFILE.contains(&format!("ARG BASE_IMAGE={BASE_IMAGE}\n")));
        for variant in ImageVariant::ALL {
            let name = variant.name();
            assert!(DOCKERFILE.contains(&format!(" AS {name}\n")), "{name}");
            assert!(DOCKERFILE.contains(&format!("{LABEL_IMAGE}={name} {LABEL_VERSION}=")));
        }
    }

    #[test]
    fn an_image_without_labels_is_of_another_version() {
        assert_ne!(image_origin(&HashMap::new()), current_origin());
    }

    #[test]
    fn tar_can_read_the_build_context() {
        let place = tempfile::tempdir().unwrap();
        let archive = place.path().join("context.tar");
        std::fs::write(&archive, build_context(b"FROM scratch\n")).unwrap();
        let mut command = eklavya_core::process::new_command("/bin/tar");
        let command = command.as_std_mut().arg("-xOf").arg(&archive);
        let output = command.output().unwrap();
        assert_eq!(output.stdout, b"FROM scratch\n", "{output:?}");
    }
}
