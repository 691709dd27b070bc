//! A headless Chromium in a sandbox of its own, for one agent: it reaches the project's previews
//! and nothing else.
//!
//! Chromium is driven over a pipe (`--remote-debugging-pipe`), so there is no port that a page could
//! find. Its own sandbox needs namespaces, which are forbidden inside ours; it runs with
//! `--no-sandbox`, and what takes a renderer over is still inside a network namespace whose only way
//! out is [`Door`], and a root file system without anything of the host's.
//!
//! All that comes from a page (texts, titles, addresses, pictures, and the very messages of the
//! protocol) is hostile: it is read into types, with limits.

pub(crate) mod actions;
mod cdp;
mod door;
mod error;
mod locate;
mod page;
pub(crate) mod page_events;
mod process;
mod session;

pub use crate::browser::page::screenshot::{PageScreenshot, check_png};
pub use door::{BrowserDoor, PreviewNames};
pub use error::BrowserError;
pub use locate::locate_browser;
pub use page::{ElementLocator, FormField, PageLink, PageLocation, PageText};
pub use session::{BrowserSession, BrowserSpec, ViewportSize};
