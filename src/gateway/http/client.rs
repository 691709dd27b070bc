//! The HTTP client settings that the gateway's clients share.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};

/// Returns a client builder that sends each request once, to the given host only.
///
/// A redirect could carry a credential to another host or lead to an unchecked host, a proxy from
/// the environment would see all traffic, and an automatic retry would be charged twice.
pub(crate) fn client_builder(connect_timeout: Duration) -> ClientBuilder {
    // An error means that it was installed before; the program has only this provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(connect_timeout)
}

/// Returns an error with its causes: the outermost one states only that sending failed.
pub(crate) fn error_chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
