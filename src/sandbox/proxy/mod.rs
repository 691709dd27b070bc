//! What every HTTP proxy here has in common, at an agent's door as at a browser's: reading where a
//! request wants to go, and making a plain one anew for the target.
//!
//! Who may go where is decided elsewhere.

mod headers;
mod previews;
mod send;
mod target;

/// The port of http, where a URL names none: the only one that previews have by name.
pub const HTTP_PORT: u16 = 80;

pub use previews::Previews;
pub use send::{Connection, Unsendable, outgoing, send};
pub use target::wanted;
