//! What can go wrong with Docker, each with what to do about it.

use std::path::PathBuf;

use crate::docker::image::ImageVariant;

/// Why Docker cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// Nobody listens at the engine's socket.
    #[error(
        "the Docker engine does not answer at {}: {reason}; start it (systemctl start docker), name its \
         socket (eklavya config set docker.socket PATH), or use bubblewrap (--isolation bubblewrap)", socket.display()
    )]
    Away {
        /// The socket.
        socket: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The socket belongs to others.
    #[error(
        "the socket of the Docker engine, {}, may not be used by this user: join its group \
         (usermod -aG docker USER, then log in anew); whoever may use it can become root here", socket.display()
    )]
    Forbidden {
        /// The socket.
        socket: PathBuf,
    },
    /// An image is not there.
    #[error("Docker has no image {image} for agents; make it: eklavya image build")]
    NoImage {
        /// Its name.
        image: &'static str,
    },
    /// An image was built by another version, or from another file.
    #[error(
        "the image {image} was built for eklavya {found}, and this is {wanted}; build it anew: eklavya image build"
    )]
    OtherImage {
        /// Its name.
        image: &'static str,
        /// The version and the digest of the file that it was built from.
        found: String,
        /// Those of this program.
        wanted: String,
    },
    /// The engine refused to do something.
    #[error("the Docker engine refused to {what}: {reason}")]
    Refused {
        /// What.
        what: &'static str,
        /// What it said.
        reason: String,
    },
    /// A build ended badly.
    #[error("the image for {} could not be built: {reason}", variant.purpose())]
    Build {
        /// Which.
        variant: ImageVariant,
        /// What was said.
        reason: String,
    },
    /// What was built cannot run this program.
    #[error(
        "a base image that cannot run eklavya: {reason}; its C library must not be older than the one that \
         eklavya was built with: choose a newer base (eklavya image build --base IMAGE)"
    )]
    Unfit {
        /// What was said.
        reason: String,
    },
    /// Something that must go into a container's description is no text.
    #[error("{} cannot be used with Docker: it is not UTF-8", path.display())]
    NotText {
        /// What.
        path: PathBuf,
    },
}
