//! Errors of Docker. Each message states what to do about it.

use std::path::PathBuf;

/// Why Docker cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// The engine's socket does not exist or does not answer.
    #[error(
        "the Docker engine does not answer at {}: {reason}; start it (systemctl start docker), set its \
         socket (eklavya config set docker.socket PATH), or use bubblewrap (--isolation bubblewrap)", socket.display()
    )]
    Away { socket: PathBuf, reason: String },
    /// This user has no access to the socket.
    #[error(
        "the socket of the Docker engine, {}, may not be used by this user; join its group \
         (usermod -aG docker USER, then log in again); a user with access to the socket can become root on this machine", socket.display()
    )]
    Forbidden { socket: PathBuf },
    #[error("Docker has no image {image} for agents; build it: eklavya image build")]
    NoImage { image: &'static str },
    /// The image was built by another version, or from another Dockerfile.
    #[error(
        "the image {image} was built for eklavya {found}, but this is {wanted}; rebuild it: eklavya image build"
    )]
    OtherImage {
        image: &'static str,
        /// The version and the digest of the Dockerfile that the image was built from.
        found: String,
        /// Those of this program.
        wanted: String,
    },
    #[error("the Docker engine refused to {what}: {reason}")]
    Refused {
        /// The request, as a verb with its object.
        what: &'static str,
        reason: String,
    },
    #[error("the image for {purpose} could not be built: {reason}")]
    Build {
        /// The roles that the image is for.
        purpose: &'static str,
        reason: String,
    },
    /// The built image cannot run this program.
    #[error(
        "the base image cannot run eklavya: {reason}; its C library must not be older than the one that \
         eklavya was built with; choose a newer base (eklavya image build --base IMAGE)"
    )]
    Unfit { reason: String },
    /// A path must be text to be used in the description of a container.
    #[error("{} cannot be used with Docker: it is not UTF-8", path.display())]
    NotText { path: PathBuf },
}
