//! Plain HTTP by absolute URI: the request is made anew towards the target.

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::http::{request, uri};
use hyper::{Request, Response, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::HTTP_PORT;
use super::headers::strip_hop_by_hop;
use eklavya_core::egress::EgressTarget;

/// A connection to a target: polled, it carries the one request that is sent on it.
pub type TargetConnection<B> = http1::Connection<TokioIo<TcpStream>, B>;

/// Why a request cannot be made anew.
#[derive(Debug, thiserror::Error)]
pub enum RequestRewriteError {
    /// The path.
    #[error(transparent)]
    Path(#[from] uri::InvalidUri),
    /// The host.
    #[error(transparent)]
    Host(#[from] hyper::header::InvalidHeaderValue),
}

/// Returns the head of the same request as the target is to see it: no header decides where it goes,
/// and none that is for the proxy goes with it.
///
/// # Errors
/// It has a path or a host that no request can have.
pub fn rewrite_head(
    mut head: request::Parts,
    target: &EgressTarget,
) -> Result<request::Parts, RequestRewriteError> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri = path.parse::<Uri>()?;
    let host = match target.port {
        HTTP_PORT => target.host.to_string(),
        _ => target.to_string(),
    };
    let host = HeaderValue::from_str(&host)?;
    head.uri = uri;
    head.version = Version::HTTP_11;
    strip_hop_by_hop(&mut head.headers);
    head.headers.insert(HOST, host);
    Ok(head)
}

/// Sends a request on `stream` and returns the answer as it comes; `drive` has the connection run.
///
/// # Errors
/// The target breaks off, or does not speak HTTP.
pub async fn send_request<B>(
    request: Request<B>,
    stream: TcpStream,
    drive: impl FnOnce(TargetConnection<B>),
) -> hyper::Result<Response<Incoming>>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    drive(connection);
    let mut answer = sender.send_request(request).await?;
    strip_hop_by_hop(answer.headers_mut());
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(uri: &str, target: &str) -> (String, String) {
        let request = Request::builder()
            .uri(uri)
            .header("host", "evil.example")
            .header("proxy-authorization", "Basic x")
            .body(())
            .unwrap();
        let target = EgressTarget::parse(target).unwrap();
        let head = rewrite_head(request.into_parts().0, &target).unwrap();
        assert_eq!(head.headers.len(), 1, "{:?}", head.headers);
        let host = head.headers[HOST].to_str().unwrap().to_owned();
        (head.uri.to_string(), host)
    }

    #[test]
    fn the_target_alone_says_where_a_request_goes() {
        let pair = |path: &str, host: &str| (path.to_owned(), host.to_owned());
        assert_eq!(
            sent("http://a.example/b?c", "a.example:80"),
            pair("/b?c", "a.example")
        );
        assert_eq!(
            sent("http://a.example:81", "a.example:81"),
            pair("/", "a.example:81")
        );
        assert_eq!(sent("http://[::1]/x", "[::1]:80"), pair("/x", "[::1]"));
    }
}
