//! A headless Chromium in a sandbox of its own, for one agent. It reaches the project's previews and
//! nothing else.
//!
//! Chromium is driven over a pipe (`--remote-debugging-pipe`), so it has no port that a page could find.
//! Chromium's own sandbox needs namespaces, which the outer sandbox forbids, so it runs with
//! `--no-sandbox`. Code that takes over a renderer is still in a network namespace whose only way out is
//! [`BrowserDoor`], and in a root file system without files of the host.
//!
//! All data from a page (texts, titles, addresses, screenshots, and the protocol messages themselves) is
//! untrusted: it is parsed into types, with limits.

pub(crate) mod actions;
mod cdp;
mod door;
mod error;
mod locate;
mod page;
pub(crate) mod page_events;
mod process;
mod session;

pub use crate::browser::page::screenshot::PageScreenshot;
pub use door::{BrowserDoor, PreviewNames, join_preview_urls};
pub use error::BrowserError;
pub use locate::locate_browser;
pub use page::{ElementLocator, PageLocation};
pub use session::{BrowserSession, BrowserSpec, ViewportSize};
