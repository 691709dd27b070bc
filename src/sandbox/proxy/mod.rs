//! What every HTTP proxy here has in common, at an agent's door as at a browser's: reading where a
//! request wants to go, and making a plain one anew for the target.
//!
//! Who may go where is decided elsewhere.

pub(crate) mod forward;
mod headers;
pub(crate) mod preview_lookup;
mod target;

/// The port of http, where a URL names none: the only one that previews have by name.
pub const HTTP_PORT: u16 = 80;

pub use crate::proxy::forward::{
    RequestRewriteError, TargetConnection, rewrite_head, send_request,
};
pub use crate::proxy::preview_lookup::PreviewLookup;
pub use target::parse_target;
