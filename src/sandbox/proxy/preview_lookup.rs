//! The project's own previews, which have names instead of ports.

use std::fmt::Debug;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;

use eklavya_core::egress::EgressTarget;

/// What knows the previews of one project.
pub trait PreviewLookup: Debug + Send + Sync {
    /// Returns where a preview answers on this machine; nothing where `target` names none of this
    /// project's, or one that is not ready.
    fn find_preview<'a>(&'a self, target: &'a EgressTarget) -> BoxFuture<'a, Option<SocketAddr>>;
}
