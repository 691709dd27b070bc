//! The one preview that there is, as doors and browsers know it.

use std::net::SocketAddr;

use futures_util::future::{BoxFuture, ready};

use eklavya_core::egress::{EgressHost, EgressTarget};
use eklavya_sandbox::browser::PreviewNames;
use eklavya_sandbox::proxy::{HTTP_PORT, PreviewLookup};

/// Its name, and that of one that there is not.
pub(crate) const NAME: &str = "demo-1.examination.localhost";
pub(crate) const OTHER: &str = "demo-2.examination.localhost";

/// The preview, which answers at this address.
#[derive(Debug)]
pub(crate) struct SelftestPreview(pub SocketAddr);

impl PreviewLookup for SelftestPreview {
    fn find_preview<'a>(&'a self, target: &'a EgressTarget) -> BoxFuture<'a, Option<SocketAddr>> {
        let known = target.host == EgressHost::Name(NAME.to_owned()) && target.port == HTTP_PORT;
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
        Box::pin(ready(vec![NAME.to_owned()]))
    }
}
