//! Previews of demos and of the product, and the browsers that open them.

pub(crate) mod browser;
pub(crate) mod browser_tally;
pub mod demo;
pub mod host;
mod host_process;
pub(crate) mod names;
pub(crate) mod product;
