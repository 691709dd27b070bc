//! The parts that the HTTP proxies of agents and browsers share: parsing the target of a request, and
//! forwarding a plain request to it.
//!
//! The callers decide which targets are allowed.

pub(crate) mod forward;
mod headers;
pub(crate) mod preview_lookup;
mod target;

/// The default port of http. The names of previews have no other port.
pub const HTTP_PORT: u16 = 80;

pub use crate::proxy::forward::{TargetConnection, rewrite_head, send_request};
pub use crate::proxy::preview_lookup::PreviewLookup;
pub use target::parse_target;
