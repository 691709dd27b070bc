//! Looking up the previews of a project by name.

use std::fmt::Debug;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;

use eklavya_core::egress::EgressTarget;

/// The previews of one project.
pub trait PreviewLookup: Debug + Send + Sync {
    /// Returns the address of the preview that `target` names; `None` if the project has no such
    /// preview or it is not ready.
    fn find_preview<'a>(&'a self, target: &'a EgressTarget) -> BoxFuture<'a, Option<SocketAddr>>;
}
