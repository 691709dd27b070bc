//! Forwarding a plain HTTP request with an absolute URI to its target.

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

/// A connection to a target. The request makes progress while the connection is polled.
pub type TargetConnection<B> = http1::Connection<TokioIo<TcpStream>, B>;

/// Why a request cannot be forwarded.
#[derive(Debug, thiserror::Error)]
pub enum RequestRewriteError {
    #[error(transparent)]
    Path(#[from] uri::InvalidUri),
    #[error(transparent)]
    Host(#[from] hyper::header::InvalidHeaderValue),
}

/// Returns the head of the request for the target: `Host` names the target, and headers for the proxy
/// are removed.
///
/// # Errors
/// The path or the host is invalid in a request.
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

/// Sends a request on `stream`. Returns the response, whose body is still being received; `drive` has to
/// poll the connection.
///
/// # Errors
/// The target closes the connection, or does not speak HTTP.
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
    let mut response = sender.send_request(request).await?;
    strip_hop_by_hop(response.headers_mut());
    Ok(response)
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
    fn only_the_target_determines_where_a_request_goes() {
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
