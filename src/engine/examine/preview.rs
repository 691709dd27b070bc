//! The one preview that there is, as doors and browsers know it.

use std::net::SocketAddr;

use futures_util::future::{BoxFuture, ready};

use eklavya_core::domain::egress::{Host, Target};
use eklavya_sandbox::browser::PreviewNames;
use eklavya_sandbox::proxy::{HTTP_PORT, Previews};

/// Its name, and that of one that there is not.
pub(super) const NAME: &str = "demo-1.examination.localhost";
pub(super) const OTHER: &str = "demo-2.examination.localhost";

/// The preview, which answers at this address.
#[derive(Debug)]
pub(super) struct OnePreview(pub SocketAddr);

impl Previews for OnePreview {
    fn find<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Option<SocketAddr>> {
        let known = target.host == Host::Name(NAME.to_owned()) && target.port == HTTP_PORT;
        Box::pin(ready(known.then_some(self.0)))
    }
}

impl PreviewNames for OnePreview {
    fn reached<'a>(&'a self, _: &'a str, _: SocketAddr) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    fn refused<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }

    fn known(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(ready(vec![NAME.to_owned()]))
    }
}
