//! Plain HTTP by absolute URI: the request is made anew towards the target.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::meter::Way;
use super::record::Record;
use crate::gateway::api_error::{AnswerBody, CutShort};
use crate::gateway::door::DoorState;

/// Headers that are about one connection (RFC 9110, section 7.6.1), and those that are for us.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Sends a request on `stream` and returns the answer as it comes.
pub(super) async fn send(
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    stream: TcpStream,
    record: Record,
) -> Result<Response<AnswerBody>, (StatusCode, String)> {
    let failed = |why: hyper::Error| (StatusCode::BAD_GATEWAY, format!("it did not answer: {why}"));
    let record = Arc::new(record);
    let request = outgoing(request, &record).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
        .await
        .map_err(failed)?;
    let closing = door.closing.clone();
    door.tracker.spawn(async move {
        tokio::select! {
            () = closing.cancelled() => {}
            // What went wrong is told to whoever reads the answer.
            _ = connection => {}
        }
    });
    let (mut head, body) = sender
        .send_request(request)
        .await
        .map_err(failed)?
        .into_parts();
    strip(&mut head.headers);
    Ok(Response::from_parts(head, counted(body, record, Way::Down)))
}

/// The same request, as the target is to see it: no header decides where it goes but its own URI.
fn outgoing(
    request: Request<Incoming>,
    record: &Arc<Record>,
) -> Result<Request<AnswerBody>, String> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().map(ToString::to_string);
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri = path.parse::<Uri>().map_err(|why| why.to_string())?;
    let host = HeaderValue::from_str(&authority.unwrap_or_default());
    let host = host.map_err(|why| why.to_string())?;
    head.uri = uri;
    head.version = Version::HTTP_11;
    strip(&mut head.headers);
    head.headers.insert(HOST, host);
    let body = counted(body, record.clone(), Way::Up);
    Ok(Request::from_parts(head, body))
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(*name);
    }
}

/// Counts what passes; the record lasts as long as the body.
fn counted(body: Incoming, record: Arc<Record>, way: Way) -> AnswerBody {
    if body.is_end_stream() {
        return body.map_err(|_| CutShort).boxed();
    }
    let count = move |frame: Frame<Bytes>| {
        if let Some(data) = frame.data_ref() {
            record.meter.add(way, data.len());
        }
        frame
    };
    body.map_frame(count).map_err(|_| CutShort).boxed()
}
