//! What all clients of HTTP here have in common.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};

/// Returns a client in the making that sends what it is told to where it is told to, once.
///
/// A redirect would carry a credential to another host, or lead to a host that nobody has checked, and
/// a proxy from the environment would see all of it; a repeated request would be charged twice.
pub(super) fn client_builder(connect_timeout: Duration) -> ClientBuilder {
    // Whoever was first has set the same one; there is only one in the program.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(connect_timeout)
}

/// Returns an error with its causes: the outermost alone says only that sending failed.
pub(super) fn error_chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
