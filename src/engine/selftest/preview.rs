//! The preview of the selftest, as doors and browsers look it up.

use std::net::SocketAddr;

use futures_util::future::{BoxFuture, ready};

use eklavya_core::egress::{EgressHost, EgressTarget};
use eklavya_sandbox::browser::PreviewNames;
use eklavya_sandbox::proxy::{HTTP_PORT, PreviewLookup};

pub(crate) const PREVIEW_HOST: &str = "demo-1.selftest.localhost";
/// The host of a preview that does not exist.
pub(crate) const UNKNOWN_HOST: &str = "demo-2.selftest.localhost";

/// The address at which the preview answers.
#[derive(Debug)]
pub(crate) struct SelftestPreview(pub SocketAddr);

impl PreviewLookup for SelftestPreview {
    fn find_preview<'a>(&'a self, target: &'a EgressTarget) -> BoxFuture<'a, Option<SocketAddr>> {
        let known =
            target.host == EgressHost::Name(PREVIEW_HOST.to_owned()) && target.port == HTTP_PORT;
        Box::pin(ready(known.then_some(self.0)))
    }
}

impl PreviewNames for SelftestPreview {
    fn on_reached<'a>(&'a self, _: &'a str, _: SocketAddr) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    fn on_refused<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    fn on_ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }

    fn list_names(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(ready(vec![PREVIEW_HOST.to_owned()]))
    }
}
